//! Which services end: they become Jobs, and their dependents wait for them.

use crate::discover::compose::Compose;
use crate::discover::compose::Condition;
use crate::discover::compose::Service;

/// Whether a service ends when it has done its work. `addressed`: whether others speak with it.
pub(super) fn is_job(service: &Service, compose: &Compose, addressed: bool) -> bool {
    let awaited = compose.services.iter().filter(|other| !other.dormant).flat_map(|other| &other.after);
    if awaited
        .into_iter()
        .any(|after| after.service == service.name && after.condition == Condition::Completed)
    {
        return true;
    }
    if service.mode.as_deref().is_some_and(|mode| mode.ends_with("-job")) {
        return true;
    }
    let restart = service.restart.as_deref().unwrap_or_default();
    let once = restart == "no" || restart == "none" || restart.starts_with("on-failure");
    let line =
        service.entrypoint.iter().chain(&service.command).flatten().cloned().collect::<Vec<_>>().join(" ");
    once && !addressed && service.ports.is_empty() && service.health.is_none() && ends(&line)
}

/// Whether a command that is run by hand prepares the application: migrations, keys, the first user.
pub(super) fn prepares(line: &str) -> bool {
    const STEPS: [&str; 7] =
        ["artisan ", "createsuperuser", "doctrine:", "composer install", "core install", "db:", "upgrade"];
    ends(line) || STEPS.iter().any(|step| line.contains(step))
}

/// Whether a command is one that is known to end.
fn ends(line: &str) -> bool {
    const ENDING: [&str; 30] = [
        "alembic upgrade",
        "manage.py migrate",
        "manage.py collectstatic",
        "manage.py loaddata",
        "prisma migrate deploy",
        "prisma db push",
        "prisma db seed",
        "knex migrate",
        "sequelize db:migrate",
        "sequelize-cli db:migrate",
        "typeorm migration:run",
        "rails db:",
        "rake db:",
        "artisan migrate",
        "flyway migrate",
        "liquibase update",
        "dotnet ef database update",
        "mc alias set",
        "mc mb",
        "mc config host",
        "kafka-topics",
        "airflow db",
        "mongoimport",
        "mongorestore",
        "pg_restore",
        "npm run migrate",
        "npm run seed",
        "yarn migrate",
        "migrate up",
        "/migrate",
    ];
    const RUNNING: [&str; 9] = [
        "gunicorn",
        "uvicorn",
        "runserver",
        "sleep infinity",
        "tail -f",
        "npm start",
        "exec \"$@\"",
        "while true",
        "celery",
    ];
    if RUNNING.iter().any(|word| line.contains(word)) {
        return false;
    }
    if ENDING.iter().any(|word| line.contains(word)) {
        return true;
    }
    // Scripts and programs that are called like what they do.
    let words = line.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_ascii_lowercase);
    let mut words = words.filter(|word| !word.is_empty());
    words.any(|word| {
        matches!(
            word.as_str(),
            "migrate" | "migrations" | "migration" | "seed" | "init" | "setup" | "bootstrap"
        )
    })
}
