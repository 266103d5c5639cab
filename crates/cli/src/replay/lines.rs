//! The lines of all files as a stream, each with its position.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;

use super::source::{Position, SourceFile, is_gzipped};
use crate::input::BYTE_ORDER_MARK;

/// The length of the longest message: Lambda accepts no larger delivery.
const MAX_LINE_BYTES: u64 = 6 * 1024 * 1024;

const BUFFER_BYTES: usize = 64 * 1024;

/// A line that is not blank.
pub(super) struct SourceLine {
    /// The position of its first byte.
    pub(super) position: Position,
    /// The line, or the reason why it cannot be a message.
    pub(super) text: Result<Vec<u8>, String>,
}

/// The lines of all files from a position on.
pub(super) struct Lines<'s> {
    sources: &'s [SourceFile],
    position: Position,
    input: Option<Box<dyn BufRead>>,
    /// The bytes on disk that were read of the current file.
    file_bytes: Rc<Cell<u64>>,
}

impl<'s> Lines<'s> {
    pub(super) fn new(sources: &'s [SourceFile], position: Position) -> Self {
        Lines {
            sources,
            position,
            input: None,
            file_bytes: Rc::default(),
        }
    }

    /// The position of the next line.
    pub(super) fn next_position(&self) -> Position {
        self.position
    }

    /// The bytes on disk that were read of all files.
    pub(super) fn bytes_read(&self) -> u64 {
        let finished_files = self.sources.iter().take(self.position.file);
        let finished_bytes: u64 = finished_files.map(|source| source.bytes).sum();
        finished_bytes + self.file_bytes.get()
    }

    fn next_file(&mut self) {
        self.position = Position {
            file: self.position.file + 1,
            line: 0,
            offset: 0,
        };
        self.input = None;
        self.file_bytes = Rc::default();
    }

    /// Opens a file at the current offset.
    fn open(&self, path: &Path) -> io::Result<Box<dyn BufRead>> {
        let mut file = CountingFile {
            file: File::open(path)?,
            bytes: self.file_bytes.clone(),
        };
        if !is_gzipped(&mut file.file)? {
            self.file_bytes.set(self.position.offset);
            file.file.seek(SeekFrom::Start(self.position.offset))?;
            return Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, file)));
        }
        let decoder = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, file));
        let mut input = BufReader::with_capacity(BUFFER_BYTES, decoder);
        // A gzipped file has no way to seek.
        io::copy(
            &mut input.by_ref().take(self.position.offset),
            &mut io::sink(),
        )?;
        Ok(Box::new(input))
    }

    /// Reads the next line, which may be blank; `None` at the end of the file.
    fn read_line(&mut self, path: &Path) -> io::Result<Option<SourceLine>> {
        let mut input = match self.input.take() {
            Some(input) => input,
            None => self.open(path)?,
        };
        let position = self.position;
        let mut text = Vec::new();
        let mut bytes = input
            .by_ref()
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut text)? as u64;
        if bytes == 0 {
            return Ok(None);
        }
        let is_too_long = bytes == MAX_LINE_BYTES && !text.ends_with(b"\n");
        if is_too_long {
            bytes += input.skip_until(b'\n')? as u64;
        }
        self.position = Position {
            line: position.line + 1,
            offset: position.offset + bytes,
            ..position
        };
        self.input = Some(input);
        if position.offset == 0 && text.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        let text = if is_too_long {
            let megabytes = MAX_LINE_BYTES / 1024 / 1024;
            Err(format!("the line is over {megabytes} MB"))
        } else {
            Ok(text)
        };
        Ok(Some(SourceLine { position, text }))
    }
}

impl Iterator for Lines<'_> {
    /// An error is that of a disk or of a broken archive. The position stays at the line that could
    /// not be read.
    type Item = io::Result<SourceLine>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let source = self.sources.get(self.position.file)?;
            match self.read_line(&source.path) {
                Ok(Some(line)) => {
                    let is_blank = line
                        .text
                        .as_ref()
                        .is_ok_and(|text| text.trim_ascii().is_empty());
                    if !is_blank {
                        return Some(Ok(line));
                    }
                }
                Ok(None) => self.next_file(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// A file that counts the bytes that are read of it.
struct CountingFile {
    file: File,
    bytes: Rc<Cell<u64>>,
}

impl Read for CountingFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.file.read(buffer)?;
        self.bytes.set(self.bytes.get() + bytes as u64);
        Ok(bytes)
    }
}
