//! Line after line of all files, read as a stream, and the place that each is at.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};

use super::input::Source;
use crate::input::BYTE_ORDER_MARK;

/// What a gzipped file begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A longer line is no message: Lambda takes no larger delivery.
const LONGEST: u64 = 6 * 1024 * 1024;

/// Read from disk at once.
const BUFFER: usize = 64 * 1024;

/// The next line to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Position {
    /// The file's place among the sources.
    pub(super) file: usize,
    /// Lines of the file before it.
    pub(super) line: u64,
    /// Bytes of the file before it, unzipped.
    pub(super) offset: u64,
}

/// A line with something on it.
pub(super) struct Line {
    /// Where it begins.
    pub(super) at: Position,
    /// What is on it, or why that is no text to read.
    pub(super) text: Result<Vec<u8>, String>,
}

/// All lines from a position on.
pub(super) struct Lines<'s> {
    sources: &'s [Source],
    position: Position,
    input: Option<Box<dyn BufRead>>,
    /// Bytes on disk that were read of the file at hand.
    read: Rc<Cell<u64>>,
}

impl<'s> Lines<'s> {
    pub(super) fn from(sources: &'s [Source], position: Position) -> Self {
        Lines {
            sources,
            position,
            input: None,
            read: Rc::default(),
        }
    }

    /// The line that comes next, read or not.
    pub(super) fn here(&self) -> Position {
        self.position
    }

    /// Bytes on disk that are read so far, of all files.
    pub(super) fn bytes(&self) -> u64 {
        let before: u64 = self
            .sources
            .iter()
            .take(self.position.file)
            .map(|source| source.bytes)
            .sum();
        before + self.read.get()
    }

    fn next_file(&mut self) {
        self.position = Position {
            file: self.position.file + 1,
            line: 0,
            offset: 0,
        };
        self.input = None;
        self.read = Rc::default();
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn BufRead>> {
        let mut file = Counted {
            file: File::open(path)?,
            read: self.read.clone(),
        };
        if !is_gzipped(&mut file.file)? {
            self.read.set(self.position.offset);
            file.file.seek(SeekFrom::Start(self.position.offset))?;
            return Ok(Box::new(BufReader::with_capacity(BUFFER, file)));
        }
        let mut unzipped = BufReader::with_capacity(
            BUFFER,
            MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file)),
        );
        io::copy(
            &mut unzipped.by_ref().take(self.position.offset),
            &mut io::sink(),
        )?;
        Ok(Box::new(unzipped))
    }

    /// The next line, which may be empty; `None` at the end of the file.
    fn read(&mut self, path: &Path) -> io::Result<Option<Line>> {
        let mut input = match self.input.take() {
            Some(input) => input,
            None => self.open(path)?,
        };
        let at = self.position;
        let mut text = Vec::new();
        let mut bytes = input.by_ref().take(LONGEST).read_until(b'\n', &mut text)? as u64;
        if bytes == 0 {
            return Ok(None);
        }
        let is_too_long = bytes == LONGEST && text.last() != Some(&b'\n');
        if is_too_long {
            bytes += input.skip_until(b'\n')? as u64;
        }
        self.position = Position {
            line: at.line + 1,
            offset: at.offset + bytes,
            ..at
        };
        self.input = Some(input);
        if at.offset == 0 && text.starts_with(BYTE_ORDER_MARK.as_bytes()) {
            text.drain(..BYTE_ORDER_MARK.len());
        }
        let too_long = || format!("the line is over {} MB", LONGEST / 1024 / 1024);
        Ok(Some(Line {
            at,
            text: if is_too_long {
                Err(too_long())
            } else {
                Ok(text)
            },
        }))
    }
}

impl Iterator for Lines<'_> {
    /// An error is the disk's or that of a broken archive, and stays where it is: nothing behind it is known.
    type Item = io::Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let source = self.sources.get(self.position.file)?;
            match self.read(&source.path) {
                Ok(Some(Line { text: Ok(text), .. })) if text.trim_ascii().is_empty() => {}
                Ok(Some(line)) => return Some(Ok(line)),
                Ok(None) => self.next_file(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

/// Whether the file is gzipped, by its first bytes. It is at its beginning then.
pub(super) fn is_gzipped(file: &mut File) -> io::Result<bool> {
    let mut magic = Vec::new();
    file.by_ref()
        .take(GZIP.len() as u64)
        .read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(magic == GZIP)
}

/// A file that knows how much of it was read.
struct Counted {
    file: File,
    read: Rc<Cell<u64>>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read.set(self.read.get() + read as u64);
        Ok(read)
    }
}
