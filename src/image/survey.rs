//! Stub, replaced by the survey's.
#![expect(missing_docs, reason = "replaced by the survey's file")]
use crate::event::Finding;
use crate::image::context::Context;
use crate::image::dockerfile::Dockerfile;
use crate::project;
use crate::project::name::ImageName;
#[derive(Debug, Clone)]
pub struct Surveyed {
    pub image: project::Image,
    pub context: Context,
    pub dockerfile: Dockerfile,
    pub needs: Vec<ImageName>,
    pub warnings: Vec<Finding>,
}
