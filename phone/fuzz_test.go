package phone

import (
	"bytes"
	"testing"
)

// ends that no connection is behind.
func unconnected(computer bool) *conn {
	return &conn{
		clock: newFakeClock(), pings: computer, out: make(chan outgoing, maxWaiting), lost: make(chan struct{}), deaf: make(chan struct{}), done: make(chan struct{}),
	}
}

// FuzzMessages has both ends hear whatever another one may say, line by line: text, or
// binary behind a byte 01 or 02.
func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"type":"hello"}` + "\n" + `{"type":"card","card":1,"atr":"3b80"}` + "\n" + `{"type":"gone","card":1}`,
		`{"type":"card","card":1}` + "\n" + string(encodeAnswer(1, []byte{0x91, 0})) + "\n" + `{"type":"failed","n":2,"removed":true}`,
		`{"type":"welcome","addresses":["a:1"]}` + "\n" + `{"type":"activate","n":1,"card":1}` + "\n" + string(encodeCommand(1, 2, []byte{0x60})) + "\n" + `{"type":"release","n":1}`,
		`{"type":"bye","code":"late"}`, `{"type":"ping","n":3}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		s := &Server{clock: newFakeClock(), changed: make(chan struct{}), links: map[Fingerprint]*link{}}
		l := &link{conn: unconnected(true), s: s, greeted: true, open: map[uint64]*call{}}
		waiting := &call{1, false, make(chan reply, 1)}
		l.open[1] = waiting
		phone := &Link{conn: unconnected(false)}
		phone.offer = &offered{l: phone, number: 1, requests: make(chan request, maxWaiting), stop: func() {}}
		welcome := make(chan *message, 1)
		for line := range bytes.SplitSeq(said, []byte("\n")) {
			if len(line) > 0 && line[0] <= 2 {
				if n, answer, err := parseAnswer(line); err == nil && !bytes.Equal(encodeAnswer(n, answer), line) {
					t.Fatalf("% X is read as another answer", line)
				}
				if a, n, c, err := parseCommand(line); err == nil && !bytes.Equal(encodeCommand(a, n, c), line) {
					t.Fatalf("% X is read as another command", line)
				}
				_, _ = l.answer(line), phone.command(line)
				continue
			}
			if m, err := parseMessage(line); err == nil && len(m.encode()) > 8*maxText {
				t.Fatalf("a message grows to %d bytes", len(m.encode()))
			}
			_ = l.text(line, func(m *message) error { return l.message(m, nil) })
			_ = phone.text(line, func(m *message) error { return phone.message(m, welcome) })
		}
		if l.card != nil && l.card.number > l.last || len(l.open) > 1 || len(waiting.reply) == 1 && len(l.open) == 1 {
			t.Fatalf("card %+v after %d, %d open", l.card, l.last, len(l.open))
		}
	})
}

// FuzzPrivate reads what may lie in the files.
func FuzzPrivate(f *testing.F) {
	self, err := newIdentity()
	if err != nil {
		f.Fatal(err)
	}
	text, err := (&Credential{"desk", "phone", self.id, []string{"a:1"}, self}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"desfire":"phone-credential/v1","key":"AA=="}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ParseCredential(text)
		if err != nil {
			return
		}
		again, err := c.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if o, err := ParseCredential(again); err != nil || !o.Equal(c) {
			t.Fatalf("%v, %v", o, err)
		}
	})
}
