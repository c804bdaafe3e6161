package sim

import (
	"github.com/go-desfire/desfire/internal/frame"
	"github.com/go-desfire/desfire/internal/securemsg"
	"github.com/go-desfire/desfire/wire"
)

// chainKind is what the next AF frame belongs to.
type chainKind uint8

const (
	noChain        chainKind = iota
	commandChain             // more of the command is to come
	responseChain            // more of the answer is to go
	handshakeChain           // the second step of an authentication
)

// chain is an exchange that needs more frames.
type chain struct {
	kind  chainKind
	row   *command
	sent  int   // response: bytes of Card.out that have gone
	cuts  []int // response: where frames must break, offsets into Card.out
	piece int   // response: bytes of a frame that is not the last
	final wire.Status
}

func (ch *chain) clear() { *ch = chain{} }

// more answers an AF frame.
func (c *Card) more(f wire.Frame) []byte {
	ch := c.v.chain
	switch ch.kind {
	case commandChain:
		c.marks = append(c.marks, len(c.in))
		c.in = append(c.in, f.Data...)
		if len(c.in) > maxCommand || len(f.Data) == 0 {
			return c.fail(wire.StatusLengthError)
		}
		return c.gather(ch.row)
	case responseChain:
		if len(f.Data) > 0 {
			return c.fail(wire.StatusLengthError)
		}
		return c.nextPiece()
	case handshakeChain:
		c.v.chain.clear()
		proof, st := ch.row.step(c, f.Data)
		if st != wire.StatusOK {
			return c.fail(st)
		}
		return c.answer(proof, st, false)
	}
	return c.fail(c.quirks.StatusMoreWithoutChain)
}

// maxCommand is longer than any command: a whole 32 KiB file, enciphered.
const maxCommand = 1<<15 + 64

// gather executes the command whose frames are c.in so far, or asks for more.
func (c *Card) gather(row *command) []byte {
	c.v.chain.clear()
	if row.whole {
		return c.execute(row)
	}
	if row.frames > 0 && len(c.marks) < row.frames-1 {
		c.v.chain = chain{kind: commandChain, row: row}
		return c.answer(nil, wire.StatusAdditionalFrame, false)
	}
	head, err := c.coder.DecodeHead(c.in, row.msg)
	announced := c.coder.Announced()
	if err != nil || announced < 0 {
		return c.execute(row)
	}
	// The header tells how long the command is; the mode, what secure messaging
	// adds.
	if len(c.in)-head < announced || c.v.session.channel != nil {
		if st := c.judge(row); st != wire.StatusOK {
			return c.fail(st)
		}
		if len(c.in)-head < c.protectedLength(row, announced) {
			if c.nvm.config.messaging&wire.NoChainedWriting != 0 && row.stream != nil &&
				c.call.file.typ == wire.FileStandard && c.call.mode != wire.CommPlain {
				return c.fail(c.quirks.StatusChainedWriting)
			}
			if row.stream != nil && c.quirks.StreamedWrites && c.call.mode != wire.CommFull {
				if st := row.stream(c, c.in[head:min(len(c.in), head+announced)]); st != wire.StatusOK {
					return c.fail(st)
				}
			}
			c.v.chain = chain{kind: commandChain, row: row}
			return c.answer(nil, wire.StatusAdditionalFrame, false)
		}
	}
	return c.execute(row)
}

// protectedLength is how long n plain bytes of a command are on the wire.
func (c *Card) protectedLength(row *command, n int) int {
	s := &c.v.session
	if s.channel == nil {
		return n
	}
	switch row.spec.Rule.Protection(s.scheme, false, c.call.mode) {
	case wire.CommMAC:
		if s.scheme == wire.SchemeD40 {
			return n + 4
		}
		return n + 8
	case wire.CommFull:
		switch s.scheme {
		case wire.SchemeD40:
			return roundUp(n+2, 8) // CRC16
		case wire.SchemeEV1:
			return roundUp(n+4, s.block) // CRC32
		}
		return roundUp(n+1, 16) + 8 // 80.., MAC
	}
	return n
}

func roundUp(n, block int) int { return (n + block - 1) / block * block }

// respond encodes, protects and sends the answer in row.rsp, or its first
// piece.
func (c *Card) respond(row *command, channel securemsg.Channel, st wire.Status) []byte {
	e, err := c.coder.Encode(c.rsp[:0], row.rsp)
	c.rsp = e.Bytes
	if err != nil { // an answer that its own layout cannot hold
		return c.fail(wire.StatusEEPROMError)
	}
	mode := wire.CommPlain
	cuts := e.Marks
	c.out = c.out[:0]
	if channel == nil {
		c.out = append(c.out, e.Bytes...)
	} else {
		scheme := channel.Info().Scheme
		mode = row.spec.Rule.Protection(scheme, true, c.call.mode)
		if row.spec.Rule.Unpadded() && len(e.Bytes) == 0 {
			mode = min(mode, wire.CommMAC)
		}
		c.out, err = channel.Seal(c.out, securemsg.Message{
			Code: st.Byte(), Data: e.Bytes, Marks: e.Marks, Mode: mode, Len: len(e.Bytes), Pad: c.padding(row),
		})
		if err != nil {
			return c.fail(wire.StatusEEPROMError)
		}
	}
	if row.whole && c.call.framing == wire.FramingWrapped && len(c.out) > c.call.room {
		return c.fail(wire.StatusLengthError)
	}
	// Cards without AF-chained data commands leave long answers to ISO 14443-4
	// (testdata/traces/ntag424rs-lrp-key0.json).
	if row.whole || len(cuts) == 0 && (len(c.out) < c.maxFrame || !c.gen.Has(wire.FeatureClassic)) {
		return c.answer(c.out, st, row.spec.Bare)
	}
	c.v.chain = chain{kind: responseChain, row: row, cuts: append([]int(nil), cuts...), piece: c.piece(row, channel, mode), final: st}
	return c.nextPiece()
}

// padding of an answer: the reader has to find the end of a full answer to a
// read of unknown length (command reference 2.5).
func (c *Card) padding(row *command) securemsg.Padding {
	if row.spec.Rule.Unpadded() {
		return securemsg.PadNone
	}
	switch m := row.msg.(type) {
	case *wire.ReadData:
		if m.Length == 0 {
			return securemsg.Pad80
		}
	case *wire.ReadRecords:
		if m.Count == 0 {
			return securemsg.Pad80
		}
	}
	return securemsg.PadDefault
}

// piece is how long an answer frame is that is not the last.
func (c *Card) piece(row *command, channel securemsg.Channel, mode wire.CommMode) int {
	// Quirks are told for frames of 60 bytes.
	n := min(c.quirks.PlainFrame+c.maxFrame-frame.MaxFrame, c.maxFrame-1)
	if channel != nil && c.quirks.WholeBlocks {
		if channel.Info().Scheme != wire.SchemeD40 || mode == wire.CommFull {
			n -= n % c.v.session.block
		}
	}
	switch row.spec.INS {
	case wire.InsGetApplicationIDs:
		n -= n % 3
	case wire.InsGetISOFileIDs:
		n = min(n, c.quirks.ISOFileIDFrame+c.maxFrame-frame.MaxFrame)
		n -= n % 2
	}
	return max(n, 1)
}

// nextPiece sends the next frame of c.out.
func (c *Card) nextPiece() []byte {
	ch := &c.v.chain
	rest := c.out[ch.sent:]
	n := len(rest)
	if len(ch.cuts) > 0 {
		n = ch.cuts[0] - ch.sent
		ch.cuts = ch.cuts[1:]
	} else if n >= c.maxFrame {
		n = ch.piece
	} else {
		st, bare := ch.final, ch.row.spec.Bare
		ch.clear()
		return c.answer(rest, st, bare)
	}
	ch.sent += n
	return c.answer(rest[:n], wire.StatusAdditionalFrame, false)
}

// answer builds one answer frame.
func (c *Card) answer(data []byte, st wire.Status, bare bool) []byte {
	c.frame = wire.AppendAnswer(c.frame[:0], c.call.framing, data, st, bare)
	return c.frame
}
