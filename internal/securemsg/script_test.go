package securemsg

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/go-desfire/desfire/internal/vector"
)

// A script is a published vector as a run of sealed messages. Both sides are
// checked: one seals and must give the published bytes, the other opens these.
type script struct {
	id      string
	session Session
	steps   []step
}

type step struct {
	answer bool
	m      Message
	want   []byte // sealed, as published; nil: nothing is added
	iv     []byte // EV1: running value afterwards, nil if not published
	noOpen bool
}

// mutation is a mistake that an implementation could make.
type mutation struct {
	session func(*Session)
	message func(*Message)
	sealed  func(Channel, Message, []byte) []byte
}

// run returns the first difference from what was published.
func (s script) run(mut mutation) error {
	ses := s.session
	if mut.session != nil {
		mut.session(&ses)
	}
	var ch [2]Channel
	for side := range ch {
		ses.Side = Side(side)
		c, err := NewChannel(ses)
		if err != nil {
			return err
		}
		ch[side] = c
	}
	for i, st := range s.steps {
		if err := st.run(ch, mut); err != nil {
			return fmt.Errorf("%s, step %d (%02X): %w", s.id, i, st.m.Code, err)
		}
	}
	return nil
}

func (st step) run(ch [2]Channel, mut mutation) error {
	from, to := ch[PCD], ch[PICC]
	if st.answer {
		from, to = to, from
	}
	want := st.want
	if want == nil {
		want = join(st.m.Head, st.m.Data)
	}
	m := st.m
	if mut.message != nil {
		mut.message(&m)
	}
	before := Clone(from)
	got, err := from.Seal([]byte("kept"), m)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(got, []byte("kept")) {
		return errors.New("Seal wrote over dst")
	}
	got = got[4:]
	if mut.sealed != nil {
		got = mut.sealed(before, m, got)
	}
	if mut.message != nil && len(m.Head) < len(st.m.Head) {
		got = join(st.m.Head, got) // what counts is what the header protects
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("sealed %X, want %X", got, want)
	}
	if st.iv != nil {
		if iv := from.(*ev1).iv[:len(st.iv)]; !bytes.Equal(iv, st.iv) {
			return fmt.Errorf("IV %X, want %X", iv, st.iv)
		}
	}
	if st.noOpen || mut.sealed != nil {
		return nil
	}
	received := st.m
	received.Data, received.Len = want[len(st.m.Head):], len(st.m.Data)
	if received.NewKey != nil {
		received.OldKey = make([]byte, len(received.NewKey))
		for i := range received.OldKey {
			received.OldKey[i] = st.m.Data[i] ^ st.m.NewKey[i]
		}
	}
	opened, err := to.Open([]byte("kept"), received)
	if err != nil {
		return err
	}
	plain := append([]byte("kept"), st.m.Data...)
	copy(plain[4:], st.m.NewKey)
	if !bytes.Equal(opened, plain) {
		return fmt.Errorf("opened %X, want %X", opened, plain)
	}
	return nil
}

// eachScript runs the vectors of an area.
func eachScript(t *testing.T, area string, make func(t *testing.T, v *vector.Vector) script) {
	vector.Each(t, area, func(t *testing.T, v *vector.Vector) {
		if err := make(t, v).run(mutation{}); err != nil {
			t.Error(err)
		}
	})
}
