//! The form of a file of messages: a value on each line, or objects that span lines.

use std::io::{self, BufRead, Read};

use serde_json::value::RawValue;

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileForm {
    /// One value on each line (NDJSON). A broken line costs only itself.
    Lines,
    /// Objects, with spaces, commas and the brackets of arrays between them.
    Objects,
}

impl FileForm {
    /// Recognizes the form by the beginning of a file. Lines are the usual one, so that it takes an
    /// unfinished value on the first line, and no object on the second one, for the other form.
    pub(super) fn of(head: &[u8]) -> Self {
        let text = String::from_utf8_lossy(head);
        let text = text.trim_start_matches(crate::input::BYTE_ORDER_MARK);
        let mut lines = text.lines().filter(|line| !line.trim().is_empty());
        let first = lines.next().unwrap_or_default().trim();
        if !first.starts_with(['[', '{']) || !is_unfinished(first) {
            return FileForm::Lines;
        }
        match lines.next() {
            // The line goes on past the head: a long array, or a long message.
            None if first.starts_with('{') && !text.trim_end().contains('\n') => FileForm::Lines,
            Some(second) if first != "[" && is_object(second) => FileForm::Lines,
            _ => FileForm::Objects,
        }
    }
}

fn is_unfinished(line: &str) -> bool {
    serde_json::from_str::<&RawValue>(line).is_err_and(|error| error.is_eof())
}

fn is_object(line: &str) -> bool {
    serde_json::from_str::<&RawValue>(line).is_ok_and(|value| value.get().starts_with('{'))
}

/// A part of a file with one value.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk {
    /// The value; `None` if it is too long.
    pub(super) text: Option<Vec<u8>>,
    /// The bytes of the part, with what stands around the value.
    pub(super) bytes: u64,
    /// The line breaks before the value.
    pub(super) lines_before: u64,
    /// The line breaks in the value and after it.
    pub(super) lines: u64,
}

/// Reads a line; `None` at the end.
pub(super) fn read_line(input: &mut impl BufRead, max_bytes: u64) -> io::Result<Option<Chunk>> {
    let mut text = Vec::new();
    let mut bytes = input
        .by_ref()
        .take(max_bytes)
        .read_until(b'\n', &mut text)? as u64;
    if bytes == 0 {
        return Ok(None);
    }
    let is_too_long = bytes == max_bytes && !text.ends_with(b"\n");
    if is_too_long {
        bytes += input.skip_until(b'\n')? as u64;
    }
    Ok(Some(Chunk {
        text: if is_too_long { None } else { Some(text) },
        bytes,
        lines_before: 0,
        lines: 1,
    }))
}

/// Reads the next object, or whatever stands in its place up to a space, comma or bracket; `None` at
/// the end. An object that does not end goes to the end of the file.
pub(super) fn read_object(input: &mut impl BufRead, max_bytes: u64) -> io::Result<Option<Chunk>> {
    let mut chunk = Chunk::default();
    let mut text = Vec::new();
    let mut scanner = Scanner::default();
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            break;
        }
        let mut used = 0;
        let mut is_complete = false;
        for byte in buffer {
            let step = scanner.next(*byte);
            if step == Step::EndBefore {
                is_complete = true;
                break;
            }
            used += 1;
            if *byte == b'\n' {
                match step {
                    Step::Between => chunk.lines_before += 1,
                    _ => chunk.lines += 1,
                }
            }
            if step != Step::Between {
                chunk.bytes += 1;
                if chunk.bytes <= max_bytes {
                    text.push(*byte);
                }
            }
            if step == Step::EndAfter {
                is_complete = true;
                break;
            }
        }
        input.consume(used);
        if is_complete {
            break;
        }
    }
    if chunk.bytes == 0 {
        return Ok(None);
    }
    chunk.text = (chunk.bytes <= max_bytes).then_some(text);
    chunk.bytes += scanner.between;
    // The next value usually begins on a line of its own, and resumes there.
    while let Some(byte @ (b',' | b' ' | b'\r' | b'\n')) = input.fill_buf()?.first().copied() {
        input.consume(1);
        chunk.bytes += 1;
        if byte == b'\n' {
            chunk.lines += 1;
            break;
        }
    }
    Ok(Some(chunk))
}

/// Finds the end of a value, byte by byte.
#[derive(Default)]
struct Scanner {
    /// The bytes before the value.
    between: u64,
    is_inside: bool,
    /// The braces and brackets that are open.
    depth: u32,
    is_text: bool,
    is_escaped: bool,
}

#[derive(PartialEq, Eq)]
enum Step {
    /// The byte stands before the value.
    Between,
    /// The byte is part of the value.
    Inside,
    /// The byte is the last one of the value.
    EndAfter,
    /// The byte is the first one after the value.
    EndBefore,
}

impl Scanner {
    fn next(&mut self, byte: u8) -> Step {
        let is_separator = byte.is_ascii_whitespace() || matches!(byte, b',' | b'[' | b']');
        if !self.is_inside {
            if is_separator {
                self.between += 1;
                return Step::Between;
            }
            self.is_inside = true;
        } else if self.depth == 0 && !self.is_text && is_separator {
            return Step::EndBefore;
        }
        if self.is_text {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => self.is_text = false,
                _ => {}
            }
            return Step::Inside;
        }
        match byte {
            b'"' => self.is_text = true,
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    return Step::EndAfter;
                }
            }
            _ => {}
        }
        Step::Inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = r#"{"type":"track","event":"A"}"#;

    #[test]
    fn a_file_of_lines_is_one_even_if_a_line_is_broken() {
        let pretty = "{\n  \"type\": \"track\"\n}\n";
        for (text, form) in [
            (A.to_owned(), FileForm::Lines),
            (format!("{A}\n{{\"cut\n"), FileForm::Lines),
            (format!("{{\"cut\n{A}\n"), FileForm::Lines),
            (format!("nonsense\n{A}\n"), FileForm::Lines),
            (format!("[{A},{A}]"), FileForm::Lines),
            (String::new(), FileForm::Lines),
            (pretty.to_owned(), FileForm::Objects),
            (format!("\u{feff}\n{pretty}{pretty}"), FileForm::Objects),
            (format!("[\n{A}\n]"), FileForm::Objects),
            (format!("[\n{A},\n{A}\n]"), FileForm::Objects),
            (format!("[{A},\n {A}]"), FileForm::Objects),
            (format!("[{A},{A}"), FileForm::Objects),
        ] {
            assert_eq!(FileForm::of(text.as_bytes()), form, "{text}");
        }
    }

    #[test]
    fn objects_are_found_whatever_stands_between_them() {
        let text = "[\n {\"a\": \"}\\\"]\"},\n\n {\"b\": [{}]} 5, {\"c\":\n1}]\n{\"cut";
        let mut input = text.as_bytes();
        let mut found = Vec::new();
        let mut bytes = 0;
        while let Some(chunk) = read_object(&mut input, 14).unwrap() {
            bytes += chunk.bytes;
            let text = chunk.text.map(|text| String::from_utf8(text).unwrap());
            found.push((text, chunk.lines_before, chunk.lines));
        }
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                (some("{\"a\": \"}\\\"]\"}"), 1, 1),
                (some("{\"b\": [{}]}"), 1, 0),
                (some("5"), 0, 0),
                (some("{\"c\":\n1}"), 0, 1),
                (some("{\"cut"), 1, 0),
            ]
        );
        assert_eq!(bytes, text.len() as u64);
        let mut input = "{\"too\": \"long\"} {}".as_bytes();
        assert_eq!(read_object(&mut input, 10).unwrap().unwrap().text, None);
        assert_eq!(
            read_object(&mut input, 10).unwrap().unwrap().text,
            Some(b"{}".to_vec())
        );
    }
}
