package ndef

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/wire"
)

// Card runs commands: a *desfire.Card does.
type Card interface {
	Run(ctx context.Context, cmd wire.Command, rsp wire.Message) error
}

// Tag is a tag that was found on a card.
type Tag struct {
	CC   CC
	File FileControl // the file with the message

	card  Card
	files map[wire.ISOFID]wire.FileNo // nil: ISO commands
	iso   bool                        // native commands without AF chaining
	ef    wire.ISOFID                 // selected
}

// ErrReadOnly says that a tag's message cannot be written, as its capability
// container tells.
var ErrReadOnly = errors.New("NDEF: the tag is read-only")

// Open selects the application of a tag and reads its capability container, with
// ISO commands, as phones do. The card must not be in an EV2 session.
func Open(ctx context.Context, card Card) (*Tag, error) {
	t := &Tag{card: card}
	sel := &wire.ISOSelect{By: wire.SelectByName, Name: wire.NDEFName[:], P2: wire.SelectFCI, Length: 256}
	if err := card.Run(ctx, sel, new(wire.Data)); err != nil {
		return nil, fmt.Errorf("NDEF: the card has no application %X: %w", wire.NDEFName, err)
	}
	return t, t.readCC(ctx)
}

// OpenNative is Open for an application that is selected, in a session if its
// files need one, with native commands. files tells the numbers of its files; of
// NTAG 424 DNA they are 1 and 2. iso uses the commands without AF chaining, the
// only ones that DESFire Light and NTAG 424 DNA know.
func OpenNative(ctx context.Context, card Card, files map[wire.ISOFID]wire.FileNo, iso bool) (*Tag, error) {
	t := &Tag{card: card, files: files, iso: iso}
	return t, t.readCC(ctx)
}

func (t *Tag) readCC(ctx context.Context) error {
	const first = 15 // what every tag has
	b, err := t.read(ctx, CCFile, 0, first, first)
	if err != nil {
		return fmt.Errorf("NDEF: the capability container: %w", err)
	}
	if n := int(b[0])<<8 | int(b[1]); n > first {
		step := min(int(b[3])<<8|int(b[4]), maxStep)
		if step == 0 {
			return &FormatError{3, "nothing can be read with one command"}
		}
		rest, err := t.read(ctx, CCFile, first, n-first, step)
		if err != nil {
			return fmt.Errorf("NDEF: the capability container: %w", err)
		}
		b = append(b, rest...)
	}
	cc, err := ParseCC(b)
	if err != nil {
		return err
	}
	t.CC = *cc
	t.File, err = cc.NDEF()
	return err
}

// maxStep is what one short APDU carries in every mode.
const maxStep = 224

func (t *Tag) readStep() int  { return min(int(t.CC.MaxRead), maxStep) }
func (t *Tag) writeStep() int { return min(int(t.CC.MaxWrite), maxStep) }

// Read reads the message. A tag that holds none has the empty message.
func (t *Tag) Read(ctx context.Context) (Message, error) {
	at := t.File.lengthSize()
	b, err := t.read(ctx, t.File.FID, 0, at, t.readStep())
	if err != nil {
		return nil, err
	}
	n, err := t.File.length(b)
	if err != nil || n == 0 {
		return Message{}, err
	}
	if n > t.File.Capacity() {
		return nil, &FormatError{0, fmt.Sprintf("the file says that its message has %d bytes, and has room for %d", n, t.File.Capacity())}
	}
	if b, err = t.read(ctx, t.File.FID, at, n, t.readStep()); err != nil {
		return nil, err
	}
	return Parse(b)
}

// Write replaces the message. Until it is written whole the tag holds none, so
// that nobody reads half of it; a message that one command can carry is never
// missing.
func (t *Tag) Write(ctx context.Context, m Message) error {
	content, err := t.File.EncodeFile(m)
	if err != nil {
		return err
	}
	if t.files == nil && t.File.Write != AccessFree {
		return ErrReadOnly
	}
	if len(content) <= t.writeStep() {
		return t.write(ctx, t.File.FID, 0, content)
	}
	at := t.File.lengthSize()
	if err := t.write(ctx, t.File.FID, 0, make([]byte, at)); err != nil {
		return err
	}
	if err := t.write(ctx, t.File.FID, at, content[at:]); err != nil {
		return fmt.Errorf("the tag holds no message now: %w", err)
	}
	if err := t.write(ctx, t.File.FID, 0, content[:at]); err != nil {
		return fmt.Errorf("the tag may hold no message now: %w", err)
	}
	return nil
}

// Erase leaves the tag without a message, and zeros in the whole file. The tag
// holds no message from the first command on.
func (t *Tag) Erase(ctx context.Context) error {
	if t.files == nil && t.File.Write != AccessFree {
		return ErrReadOnly
	}
	at := t.File.lengthSize()
	if err := t.write(ctx, t.File.FID, 0, make([]byte, at)); err != nil {
		return err
	}
	if err := t.write(ctx, t.File.FID, at, make([]byte, t.File.Capacity())); err != nil {
		return fmt.Errorf("the tag holds no message now, and not all of the old one is erased: %w", err)
	}
	return nil
}

// read reads n bytes, step at a time.
func (t *Tag) read(ctx context.Context, fid wire.ISOFID, offset, n, step int) ([]byte, error) {
	var out []byte
	rsp := new(wire.Data)
	for len(out) < n {
		at, want := offset+len(out), min(n-len(out), step)
		cmd, err := t.readCommand(ctx, fid, at, want)
		if err != nil {
			return nil, err
		}
		if err := t.card.Run(ctx, cmd, rsp); err != nil {
			return nil, err
		}
		if len(rsp.Data) == 0 || len(rsp.Data) > want {
			return nil, fmt.Errorf("NDEF: file %v: %d bytes from %d on, asked for %d", fid, len(rsp.Data), at, want)
		}
		out = append(out, rsp.Data...)
	}
	return out, nil
}

func (t *Tag) readCommand(ctx context.Context, fid wire.ISOFID, at, n int) (wire.Command, error) {
	if t.files == nil {
		if err := t.selectEF(ctx, fid); err != nil {
			return nil, err
		}
		return &wire.ISOReadBinary{Offset: uint16(at), Length: n}, inReach(at + n)
	}
	no, err := t.number(fid)
	r := wire.ReadData{File: no, Offset: uint32(at), Length: uint32(n)}
	if t.iso {
		return &wire.ReadDataISO{ReadData: r}, err
	}
	return &r, err
}

func (t *Tag) write(ctx context.Context, fid wire.ISOFID, offset int, data []byte) error {
	for len(data) > 0 {
		n := min(len(data), t.writeStep())
		cmd, err := t.writeCommand(ctx, fid, offset, data[:n])
		if err != nil {
			return err
		}
		if err := t.card.Run(ctx, cmd, new(wire.Empty)); err != nil {
			return err
		}
		offset, data = offset+n, data[n:]
	}
	return nil
}

func (t *Tag) writeCommand(ctx context.Context, fid wire.ISOFID, at int, data []byte) (wire.Command, error) {
	if t.files == nil {
		if err := t.selectEF(ctx, fid); err != nil {
			return nil, err
		}
		return &wire.ISOUpdateBinary{Offset: uint16(at), Data: data}, inReach(at + len(data))
	}
	no, err := t.number(fid)
	w := wire.WriteData{File: no, Offset: uint32(at), Data: data}
	if t.iso {
		return &wire.WriteDataISO{WriteData: w}, err
	}
	return &w, err
}

// inReach refuses what READ and UPDATE BINARY cannot address.
func inReach(end int) error {
	if end > 0x8000 {
		return fmt.Errorf("NDEF: byte %d is out of reach of ISO commands", end-1)
	}
	return nil
}

func (t *Tag) number(fid wire.ISOFID) (wire.FileNo, error) {
	no, ok := t.files[fid]
	if !ok {
		return 0, fmt.Errorf("NDEF: the application has no file %v", fid)
	}
	return no, nil
}

func (t *Tag) selectEF(ctx context.Context, fid wire.ISOFID) error {
	if t.ef == fid {
		return nil
	}
	t.ef = 0
	err := t.card.Run(ctx, &wire.ISOSelect{By: wire.SelectEF, FID: fid, P2: wire.SelectNoData}, new(wire.Data))
	if err == nil {
		t.ef = fid
	}
	return err
}
