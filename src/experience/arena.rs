//! Where the texts of the window's events lie: one behind the other in large pieces, and a piece goes when its last text
//! has gone. Pure; called by the window.

use std::collections::VecDeque;

/// One piece: some thousand events, so that hardly anything is left over at its end, and little is held too long.
const PIECE_BYTES: usize = 1 << 20;

/// Where a text lies.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Span {
    /// Number of the piece, counted from the first one ever, modulo 2^32.
    piece: u32,
    start: u32,
    length: u32,
}

impl Span {
    pub(super) fn length(self) -> u32 {
        self.length
    }
}

#[derive(Debug, Default)]
pub(super) struct Arena {
    /// Strings, so that nobody has to look again whether a text is one.
    pieces: VecDeque<String>,
    /// Number of the first piece that is still there.
    first: u32,
}

impl Arena {
    /// Texts are at most as long as a line may be, far below a piece.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a piece is far below 4 GiB"
    )]
    pub(super) fn push(&mut self, text: &str) -> Span {
        let fits = |piece: &String| piece.len() + text.len() <= PIECE_BYTES;
        if !self.pieces.back().is_some_and(fits) {
            let room = PIECE_BYTES.max(text.len());
            self.pieces.push_back(String::with_capacity(room));
        }
        let last = self.pieces.len() - 1;
        let piece = &mut self.pieces[last];
        let start = piece.len();
        piece.push_str(text);
        Span {
            piece: self.first.wrapping_add(last as u32),
            start: start as u32,
            length: text.len() as u32,
        }
    }

    pub(super) fn get(&self, span: Span) -> &str {
        let piece = span.piece.wrapping_sub(self.first) as usize;
        let start = span.start as usize;
        &self.pieces[piece][start..start + span.length as usize]
    }

    /// `oldest` is the oldest text that is still wanted; pieces before it go.
    pub(super) fn keep_from(&mut self, oldest: Option<Span>) {
        let Some(oldest) = oldest else {
            self.first = self
                .first
                .wrapping_add(u32::try_from(self.pieces.len()).unwrap_or(0));
            self.pieces.clear();
            return;
        };
        while self.first != oldest.piece && self.pieces.pop_front().is_some() {
            self.first = self.first.wrapping_add(1);
        }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        self.pieces.iter().map(String::capacity).sum()
    }
}
