//! Ways that one file deploys, which are parts of one way.

use super::Method;
use crate::discover::copies::copy_of;
use crate::discover::naming::Use;
use crate::manifest::Object;
use std::collections::BTreeSet;

/// Several methods that one file deploys are one method: a chart, and manifests that name other images.
pub(super) fn join_halves(methods: &mut Vec<Method>) {
    let mut at = 0;
    while at < methods.len() {
        let half = (0..at).find(|other| {
            let (one, two) = (&methods[*other], &methods[at]);
            let same = one
                .provenance
                .as_ref()
                .zip(two.provenance.as_ref())
                .is_some_and(|(one, two)| one.entry == two.entry && one.rank == two.rank);
            let shared = |image: &Use| one.uses.iter().any(|known| known.repository == image.repository);
            let objects = |method: &Method| method.objects.iter().map(Object::id).collect::<BTreeSet<_>>();
            same && copy_of(&one.path) == copy_of(&two.path)
                && one.broken.is_empty()
                && two.broken.is_empty()
                && !two.uses.iter().any(shared)
                && objects(one).is_disjoint(&objects(two))
        });
        let Some(other) = half else {
            at += 1;
            continue;
        };
        let two = methods.remove(at);
        let one = &mut methods[other];
        one.title = format!("{} and {}", one.title, two.title);
        one.sources.extend(two.sources);
        one.objects.extend(two.objects);
        one.uses.extend(two.uses);
        one.left_out.extend(two.left_out);
        one.spaces.extend(two.spaces);
    }
}
