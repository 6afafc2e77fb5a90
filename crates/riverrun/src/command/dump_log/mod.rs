//! `riverrun dump-log`, Kafka's `kafka-dump-log.sh`: prints segments, indexes and snapshots without a broker.

mod batch_file;
mod decoder;
mod findings;
mod index;
mod producer_snapshot;
mod segment;
mod verify;

#[cfg(test)]
mod tests;

use super::options::{Argument, BadFlags, Flag, Parsed, Refusal, Syntax, switch, valued};
use super::{Invocation, options};
use anyhow::Context;
use decoder::Decoder;
use findings::Findings;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

const SYNTAX: Syntax = Syntax {
    bad_flags: BadFlags::Line,
    purpose: "This tool helps to parse a log file and dump its contents to the console, useful for debugging a seemingly \
              corrupt log segment.",
    flags: &[
        switch(
            "cluster-metadata-decoder",
            "Parse the records as those of the cluster's metadata.",
        ),
        switch(
            "deep-iteration",
            "Go through the records, not only the batches; implied by print-data-log.",
        ),
        valued(
            "files",
            "file1,file2,...",
            "REQUIRED: The data and index files to dump, separated by commas.",
        ),
        switch(
            "index-sanity-check",
            "Only make the check by which a starting broker decides whether to rebuild an index.",
        ),
        decoder_class(
            "key-decoder-class",
            "The class that decodes keys; StringDecoder, IntegerDecoder or LongDecoder.",
        ),
        valued(
            "max-bytes",
            "size",
            "Read only so many bytes of each log. (default: 2147483647)",
        ),
        valued(
            "max-message-size",
            "size",
            "Size of the largest message. (default: 5242880)",
        ),
        switch(
            "offsets-decoder",
            "Parse the records as those of the __consumer_offsets topic.",
        ),
        switch(
            "print-data-log",
            "Print the content of the records; implied by every decoder option.",
        ),
        switch(
            "remote-log-metadata-decoder",
            "Not built: tiered storage's records cannot be parsed yet.",
        ),
        switch(
            "share-group-state-decoder",
            "Parse the records as those of the __share_group_state topic.",
        ),
        switch(
            "skip-record-metadata",
            "Do not print the records' metadata, nor control records.",
        ),
        switch(
            "transaction-log-decoder",
            "Parse the records as those of the __transaction_state topic.",
        ),
        decoder_class(
            "value-decoder-class",
            "The class that decodes values; StringDecoder, IntegerDecoder or LongDecoder.",
        ),
        switch(
            "verify",
            "Riverrun's own: only say whether the files are whole, segments with their indexes; exit code 1 if not.",
        ),
        switch("verify-index-only", "Only verify the indexes, do not print them."),
    ],
};

const fn decoder_class(name: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        argument: Argument::Optional("class"),
        help,
    }
}

/// What to print.
struct Request {
    files: Vec<PathBuf>,
    segments: segment::Depth,
    decoder: Decoder,
    max_bytes: u64,
    indexes: index::Mode,
    max_message_size: usize,
    task: Task,
}

/// What to do with the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Task {
    /// Show what is in them.
    Print,
    /// Say whether they are whole.
    Verify,
}

/// Runs the command.
pub fn run(call: Invocation) -> anyhow::Result<ExitCode> {
    let request = match SYNTAX.parse(call.args, call.form).and_then(read_request) {
        Ok(Ok(request)) => request,
        Ok(Err(done)) => return Ok(done),
        Err(refusal) => return Ok(SYNTAX.refuse(&refusal)),
    };
    let mut out = io::BufWriter::new(io::stdout().lock());
    if request.task == Task::Verify {
        let verdict = verify::verify(&request.files, &mut out)?;
        out.flush()?;
        return Ok(match verdict {
            verify::Verdict::Whole => ExitCode::SUCCESS,
            verify::Verdict::Damaged => ExitCode::FAILURE,
        });
    }
    let dumped = dump(&request, &mut out, &mut io::stderr().lock());
    let flushed = out.flush().map_err(anyhow::Error::from);
    match dumped.and(flushed) {
        // Whoever reads our output has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(ExitCode::SUCCESS),
        outcome => outcome.map(|()| ExitCode::SUCCESS),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let io: Option<&io::Error> = error.downcast_ref();
    io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn read_request(parsed: Parsed) -> Result<Result<Request, ExitCode>, Refusal> {
    let options = match parsed {
        Parsed::Act(options) => options,
        Parsed::Done(code) => return Ok(Err(code)),
    };
    options.require(&["files"])?;
    let files = options.value("files")?.unwrap_or_default();
    let decoder = Decoder::chosen(&options)?;
    let prints = options.has("print-data-log") || decoder::OPTIONS.iter().any(|name| options.has(name));
    let max_bytes = options.number::<i32>("max-bytes")?.unwrap_or(i32::MAX);
    let max_message_size = options.number::<i32>("max-message-size")?.unwrap_or(5 * 1024 * 1024);
    Ok(Ok(Request {
        files: files
            .split(',')
            .filter(|file| !file.is_empty())
            .map(PathBuf::from)
            .collect(),
        segments: depth(&options, prints),
        decoder,
        max_bytes: u64::try_from(max_bytes).unwrap_or(0),
        indexes: index_mode(&options),
        max_message_size: usize::try_from(max_message_size).unwrap_or(0),
        task: if options.has("verify") {
            Task::Verify
        } else {
            Task::Print
        },
    }))
}

fn depth(options: &options::Options, prints: bool) -> segment::Depth {
    let metadata = if options.has("skip-record-metadata") {
        segment::Metadata::Skip
    } else {
        segment::Metadata::Print
    };
    if prints {
        segment::Depth::Contents(metadata)
    } else if options.has("deep-iteration") {
        segment::Depth::Records(metadata)
    } else {
        segment::Depth::Batches
    }
}

fn index_mode(options: &options::Options) -> index::Mode {
    if options.has("index-sanity-check") {
        index::Mode::SanityOnly
    } else if options.has("verify-index-only") {
        index::Mode::VerifyOnly
    } else {
        index::Mode::Print
    }
}

/// Prints the files one after the other, then what was found wrong with them.
fn dump(request: &Request, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    for path in &request.files {
        writeln!(out, "Dumping {}", path.display())?;
        dump_file(request, path, &mut findings, out, err).with_context(|| path.display().to_string())?;
    }
    out.flush()?;
    findings.print(err)?;
    Ok(())
}

fn dump_file(
    request: &Request,
    path: &Path,
    findings: &mut Findings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("log" | "checkpoint") => segment::dump(request, path, findings, out),
        Some("index") => index::dump_offsets(request, path, findings, out),
        Some("timeindex") => index::dump_times(request, path, findings, out),
        Some("txnindex") => index::dump_transactions(path, out),
        Some("snapshot") => producer_snapshot::dump(path, out, err),
        Some(_) | None => Ok(writeln!(err, "Ignoring unknown file {}", path.display())?),
    }
}

/// The base offset in a segment file's name.
fn base_offset(path: &Path) -> anyhow::Result<i64> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let digits = name.split('.').next().unwrap_or_default();
    digits
        .parse()
        .with_context(|| format!("{name} does not begin with a segment's base offset"))
}
