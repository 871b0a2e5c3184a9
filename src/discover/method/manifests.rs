//! Directories of plain manifests as methods: which files are manifests, which directories belong together, and what is
//! left out.

mod beside_charts;

use super::Method;
use super::MethodKind;
use super::Source;
use super::has_pods;
use super::written::ManifestFile;
use super::written::ids;
use super::written::need;
use super::written::with_needed;
use crate::discover::chart;
use crate::discover::chart::Chart;
use crate::discover::compose::is_compose;
use crate::discover::copies::copy_of;
use crate::discover::copies::lateness;
use crate::discover::evidence::Applied;
use crate::discover::evidence::Evidence;
use crate::discover::evidence::Provenance;
use crate::discover::evidence::Rank;
use crate::discover::kustomization;
use crate::discover::kustomization::Kustomization;
use crate::discover::manifest_files::has_words_for_ports;
use crate::discover::manifest_files::is_manifest;
use crate::discover::manifest_files::is_unnamed;
use crate::discover::naming;
use crate::discover::tree::Tree;
use crate::discover::tree::ends;
use crate::discover::tree::file_name;
use crate::discover::tree::parent;
use crate::discover::tree::shown;
use crate::discover::variant::distance;
use crate::manifest::Object;
use crate::manifest::ObjectId;
use crate::manifest::pods;
use crate::manifest::pods::ConfigKind;
use crate::manifest::read::one_namespace;
use beside_charts::beside_charts;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::btree_map::Entry;
use std::path::Path;

pub(super) fn by_manifests(
    tree: &Tree,
    evidence: &Evidence,
    all: &[Kustomization],
    charts: &[Chart],
) -> Vec<Method> {
    let others = kustomization::files(all);
    let mut files: Vec<ManifestFile> = Vec::new();
    let named: BTreeSet<&str> = evidence.applied.iter().map(|item| item.path.as_str()).collect();
    for (path, text) in &tree.texts {
        let skipped = others.contains(path) && !named.contains(path.as_str())
            || chart::is_of(charts, path)
            || is_compose(file_name(path))
            || is_example(path) && !named.contains(path.as_str());
        if skipped || !is_manifest(path, text) {
            continue;
        }
        let parsed = tree.objects(path);
        let (objects, wrong) = (&parsed.0, &parsed.1);
        // The command that applies a file may fill in its variables; braces are not filled in.
        let filled = named.contains(path.as_str()) || named.contains(parent(path));
        if is_unnamed(text, objects, wrong) || !filled && has_words_for_ports(objects) {
            continue;
        }
        // The server gives these two to every object (`k8s.io/apimachinery: meta/v1/types.go`).
        let dumped = text.contains("resourceVersion:") && text.contains("uid:");
        files.push(ManifestFile {
            path: path.clone(),
            objects: objects.clone(),
            wrong: wrong.clone(),
            dumped,
        });
    }
    let mut methods: Vec<Method> = Vec::new();
    let mut rest = files;
    let mut copies = Vec::new();
    loop {
        let before = methods.len();
        rest = applied(tree, evidence, rest, &copies, &mut methods);
        // What deploys a copy of the application does not apply to the other copies.
        let copy = methods.get(before).and_then(|method| copy_of(&method.path));
        copies.extend(copy.clone());
        if copy.is_none() {
            break;
        }
    }
    let rest = beside_charts(tree, evidence, rest, &mut methods);
    let mut groups: BTreeMap<String, Vec<ManifestFile>> = BTreeMap::new();
    for file in rest {
        groups.entry(group(parent(&file.path))).or_default().push(file);
    }
    let mut merged: Vec<(String, Vec<ManifestFile>)> = Vec::new();
    for (folder, files) in groups {
        // `api/k8s` and `web/k8s` are two halves of one application, as are sets whose pods ask for one another's Services;
        // `k8s` and `old/k8s` are not.
        let half = merged.iter_mut().find(|(other, others)| {
            let alike = file_name(other) == file_name(&folder)
                && other.matches('/').count() == folder.matches('/').count();
            copy_of(other) == copy_of(&folder)
                && ids(others).is_disjoint(&ids(&files))
                && (alike || need(others, &files) || need(&files, others))
        });
        match half {
            Some((_, others)) => others.extend(files),
            None => merged.push((folder, files)),
        }
    }
    methods.extend(merged.into_iter().map(|(folder, files)| of_manifests(tree, &folder, files, false)));
    methods
}

/// The files that something applies, as one method; the others are returned.
///
/// Of several kinds of files that apply some, the one that counts most decides, and what it does not apply is left out.
/// Of several copies of an application, those in `copies` are done.
fn applied(
    tree: &Tree,
    evidence: &Evidence,
    files: Vec<ManifestFile>,
    copies: &[(String, i64)],
    methods: &mut Vec<Method>,
) -> Vec<ManifestFile> {
    let plain = |item: &&Applied| !item.kustomize && item.provenance.rank < Rank::Aside;
    let meant = |item: &Applied| {
        let meant = tree.meant(&item.path, item.recursive);
        let known: Vec<String> = meant
            .into_iter()
            .filter(|path| files.iter().any(|file| file.path == **path))
            .map(str::to_owned)
            .collect();
        known
    };
    let with_pods = |item: &&Applied| {
        meant(item).iter().any(|path| files.iter().any(|file| file.path == *path && has_pods(&file.objects)))
    };
    let open = |item: &&Applied| {
        let copy = copy_of(&item.path);
        copies.is_empty() || copy.is_some_and(|copy| !copies.contains(&copy))
    };
    let candidates = evidence.applied.iter().filter(plain).filter(open).filter(with_pods);
    let first = candidates
        .min_by_key(|candidate| (candidate.provenance.standing(), Reverse(lateness(&candidate.path))));
    let Some((best, copy)) = first.map(|item| (item.provenance.clone(), copy_of(&item.path))) else {
        return files;
    };
    let counts = |item: &&Applied| {
        let near = item.provenance.distance <= best.distance.max(distance(""));
        // A script elsewhere is for something else; what declares a deployment may be written a file a part.
        let folder = |provenance: &Provenance| provenance.entry.parent().map(Path::to_owned);
        let beside = best.rank == Rank::Declared || folder(&item.provenance) == folder(&best);
        item.provenance.rank == best.rank && near && beside && copy_of(&item.path) == copy
    };
    let mut order: Vec<String> = Vec::new();
    let mut spaces = Vec::new();
    for item in evidence.applied.iter().filter(plain).filter(counts) {
        let paths = meant(item);
        if !paths.is_empty() {
            spaces.extend(item.namespace.clone().map(|name| (name, item.provenance.place.clone())));
        }
        order.extend(paths);
    }
    let (mut taken, rest): (Vec<ManifestFile>, Vec<ManifestFile>) =
        files.into_iter().partition(|file| order.contains(&file.path));
    let made = |id: &ObjectId| evidence.made.iter().any(|made| made.name == id.name);
    let lacking: BTreeSet<(String, String)> = lacking(&taken);
    let completes = |file: &ManifestFile| {
        taken.iter().any(|known| parent(&known.path) == parent(&file.path))
            && ids(std::slice::from_ref(file))
                .iter()
                .any(|id| lacking.contains(&(id.kind.clone(), id.name.clone())) && !made(id))
    };
    let (more, rest): (Vec<ManifestFile>, Vec<ManifestFile>) = rest.into_iter().partition(completes);
    taken.extend(more);
    let rest = with_needed(tree, evidence, &best, &mut taken, rest);
    let folder = common(taken.iter().map(|file| parent(&file.path)));
    let beside: Vec<&str> = rest
        .iter()
        .filter(|file| taken.iter().any(|known| parent(&known.path) == parent(&file.path)))
        .map(|file| file.path.as_str())
        .collect();
    let mut method = of_manifests(tree, &folder, taken, true);
    if !beside.is_empty() {
        let some: Vec<String> = beside.iter().take(3).map(|path| format!("`{path}`")).collect();
        let more = if beside.len() > 3 { format!(" and {} more", beside.len() - 3) } else { String::new() };
        let message = (format!("{}{more}", some.join(", ")), format!("{} does not apply that", best.place));
        method.left_out.push(message);
    }
    method.provenance = Some(best);
    method.spaces = spaces;
    methods.push(method);
    // Files next to applied files are not a method of their own.
    let beside: BTreeSet<String> = beside.into_iter().map(str::to_owned).collect();
    rest.into_iter().filter(|file| !beside.contains(&file.path)).collect()
}

/// The Secrets and ConfigMaps that the pods of some files read, and that none of these files defines.
fn lacking(files: &[ManifestFile]) -> BTreeSet<(String, String)> {
    let known: BTreeSet<(String, String)> = ids(files).into_iter().map(|id| (id.kind, id.name)).collect();
    let mut read = BTreeSet::new();
    for (_, template) in files.iter().flat_map(|file| pods::all(&file.objects)) {
        for reference in template.references() {
            let kind = if reference.kind == ConfigKind::Secret { "Secret" } else { "ConfigMap" };
            read.insert((kind.to_owned(), reference.name.to_owned()));
        }
    }
    &read - &known
}

/// The directory that all have in common.
fn common<'p>(mut folders: impl Iterator<Item = &'p str>) -> String {
    let Some(first) = folders.next() else { return String::new() };
    let mut parts: Vec<&str> = first.split('/').collect();
    for folder in folders {
        let same = parts.iter().zip(folder.split('/')).take_while(|(one, other)| **one == *other).count();
        parts.truncate(same);
    }
    parts.join("/")
}

/// `named`: whether something deploys these very files.
fn of_manifests(tree: &Tree, folder: &str, mut files: Vec<ManifestFile>, named: bool) -> Method {
    files.sort_by_key(|file| {
        (file.dumped, distance(&file.path), file.path.matches('/').count(), file.path.clone())
    });
    let mut method = Method::new(String::new(), folder, MethodKind::Manifests);
    let mut known: BTreeMap<ObjectId, (String, Object)> = BTreeMap::new();
    let mut kept: BTreeSet<String> = BTreeSet::new();
    let dumped = files.iter().all(|file| file.dumped);
    let beside = if named { BTreeMap::new() } else { about_something_else(&files, folder) };
    // The directories that are left out as a whole: why, and how many files.
    let mut folders: BTreeMap<String, (String, usize)> = BTreeMap::new();
    for file in files {
        let home = parent(&file.path).to_owned();
        if let Some(word) = beside.get(&home) {
            let why = format!("that is for `{word}`, and nothing deploys it");
            folders.entry(home).or_insert((why, 0)).1 += 1;
            continue;
        }
        if let Some((_, count)) = folders.get_mut(&home) {
            *count += 1;
            continue;
        }
        // Several files may make the Namespace that they are in.
        let differs = |object: &Object| {
            let (first, same) = known.get(&object.id())?;
            one_namespace(same, object).is_none().then(|| (object.id(), first))
        };
        // What a command applies together is one version; `todo up` reports duplicates in it.
        let beside = kept.iter().any(|path| parent(path) == home);
        let adds = file.objects.iter().any(|object| !known.contains_key(&object.id()));
        let again = file.objects.iter().find_map(differs).filter(|_| !(named && beside && adds));
        if let Some((id, first)) = again {
            // A directory that defines again what another one has is another version of it, with all that is in it.
            if parent(first) != home && !kept.iter().any(|path| parent(path) == home) {
                folders.insert(home, (format!("it defines {id} again, as `{first}` does"), 1));
                continue;
            }
            let why = format!("it defines {id} again, as `{first}` does");
            method.left_out.push((format!("`{}`", file.path), why));
            continue;
        }
        for object in file.objects {
            if let Entry::Vacant(free) = known.entry(object.id()) {
                free.insert((file.path.clone(), object.clone()));
                method.objects.push(object);
            }
        }
        method.broken.extend(file.wrong);
        kept.insert(file.path);
    }
    method.left_out.extend(folders.into_iter().map(|(folder, (why, count))| {
        let files = if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        (format!("`{folder}` ({files})"), why)
    }));
    let folders: BTreeSet<&str> = kept.iter().map(|path| parent(path)).collect();
    for folder in &folders {
        let readable = |path: &&str| ends(path, &["yaml", "yml", "json"]);
        let whole =
            !folder.is_empty() && tree.inside(folder).filter(readable).all(|path| kept.contains(path));
        if whole {
            method.sources.push(Source::Path((*folder).to_owned()));
        } else {
            let files = kept.iter().filter(|path| parent(path) == *folder);
            method.sources.extend(files.map(|path| Source::Path(path.clone())));
        }
    }
    let count = kept.len();
    let named: Vec<String> = match folders.len() {
        1..=3 => folders.iter().map(|folder| format!("`{}`", shown(folder))).collect(),
        _ => vec![format!("`{}`", shown(folder))],
    };
    method.title = match (&kept.iter().collect::<Vec<_>>()[..], count) {
        ([path], 1) => format!("the manifests in `{path}`"),
        _ => format!("the {count} manifests in {}", named.join(" and ")),
    };
    method.uses = naming::uses(&method.objects);
    method.dumped = dumped;
    method
}

/// The directories below that of the application which are for watching or trying it, by the word in their name.
fn about_something_else(files: &[ManifestFile], folder: &str) -> BTreeMap<String, String> {
    const WORDS: [&str; 14] = [
        "monitoring",
        "observability",
        "logging",
        "alerting",
        "tracing",
        "jaeger",
        "prometheus",
        "grafana",
        "loadtest",
        "benchmark",
        "policy",
        "policies",
        "velero",
        "chaos",
    ];
    const TRIALS: [&str; 6] = ["loadtest", "stresstest", "scaletest", "perftest", "smoketest", "benchmark"];
    let word = |home: &str| {
        let below = home.strip_prefix(folder)?;
        let mut words = below.split(['/', '-', '_', '.']);
        words.find(|word| WORDS.contains(word)).map(str::to_owned)
    };
    // A directory of nothing but trials: `jobs/api-loadtest.yaml`, `jobs/web-stresstest.yaml`.
    let trial = |path: &str| {
        let words = file_name(path).split(['-', '_', '.']);
        words.clone().find(|word| TRIALS.contains(word)).map(str::to_owned)
    };
    let trials = |home: &str| {
        let mut own = files.iter().filter(|file| parent(&file.path) == home);
        let first = trial(&own.clone().next()?.path)?;
        own.all(|file| trial(&file.path).is_some()).then_some(first)
    };
    let found: BTreeMap<String, String> = files
        .iter()
        .map(|file| parent(&file.path))
        .filter_map(|home| Some((home.to_owned(), word(home).or_else(|| trials(home))?)))
        .collect();
    let rest = files.iter().filter(|file| !found.contains_key(parent(&file.path)));
    if rest.into_iter().any(|file| has_pods(&file.objects)) { found } else { BTreeMap::new() }
}

/// `secret.example.yaml`, `values.template.yaml`: to be copied, not to be applied.
fn is_example(path: &str) -> bool {
    let name = file_name(path).to_lowercase();
    name.split(['.', '-', '_']).any(|word| matches!(word, "example" | "sample" | "template" | "tmpl"))
}

/// The directory that a directory of manifests belongs to: `k8s` for `k8s/backend`.
pub(in crate::discover) fn group(folder: &str) -> String {
    let parts: Vec<&str> = folder.split('/').collect();
    let Some(first) = parts.iter().position(|part| is_deployment_word(part)) else {
        return folder.to_owned();
    };
    let more = parts[first..].iter().take_while(|part| is_deployment_word(part)).count();
    parts[..first + more].join("/")
}

/// Whether a directory of that name is named for a kind of deployment, not for an application.
pub(in crate::discover) fn is_deployment_word(part: &str) -> bool {
    const WORDS: [&str; 16] = [
        "k8s",
        "kubernetes",
        "kube",
        "manifests",
        "manifest",
        "deploy",
        "deployment",
        "deployments",
        "infra",
        "infrastructure",
        "ops",
        "devops",
        ".k8s",
        ".kube",
        ".deploy",
        "yaml",
    ];
    WORDS.contains(&part)
}
