//! Stub, replaced by the survey's.
#![expect(missing_docs, reason = "replaced by the survey's file")]
use std::path::PathBuf;
#[derive(Debug, Clone)]
pub struct Dockerfile {
    pub text: Vec<u8>,
    pub path: PathBuf,
    pub bases: Vec<Base>,
    pub instructions: Vec<Instruction>,
    pub syntax: Option<(usize, String)>,
}
#[derive(Debug, Clone)]
pub struct Base {
    pub reference: String,
    pub line: usize,
}
#[derive(Debug, Clone)]
pub struct Instruction {
    pub keyword: String,
    pub arguments: String,
    pub first: usize,
    pub last: usize,
}
