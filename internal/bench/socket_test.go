package bench_test

import (
	"context"
	"encoding/binary"
	"net"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wire"
)

// getValue is a command that costs a card nothing, wrapped.
var getValue = []byte{0x90, 0x6C, 0, 0, 1, byte(freeValue), 0}

// selectApplication, wrapped.
var selectApplication = []byte{0x90, 0x5A, 0, 0, 3, byte(application & 0xFF), byte(application >> 8 & 0xFF), byte(application >> 16), 0}

// bareSocket speaks to a card over a socket as simply as Go can: one write, one
// read.
type bareSocket struct {
	net.Conn
	out, in []byte
}

func (b *bareSocket) transmit(t testing.TB, command []byte) []byte {
	b.out = append(binary.BigEndian.AppendUint16(b.out[:0], uint16(len(command))), command...)
	if _, err := b.Write(b.out); err != nil {
		t.Fatal(err)
	}
	for n := 0; ; {
		k, err := b.Read(b.in[n:])
		if err != nil {
			t.Fatal(err)
		}
		if n += k; n >= 2 && n >= 2+int(binary.BigEndian.Uint16(b.in)) {
			return b.in[2:n]
		}
	}
}

func sockets(t testing.TB, s size) []row {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	one, other := startCards(t, "tcp")
	nc, err := net.Dial("tcp", one)
	must(t, err)
	defer nc.Close()
	bare := &bareSocket{Conn: nc, in: make([]byte, 1<<16)}
	ours, err := tcp.Dial(ctx, other, nil)
	must(t, err)
	defer ours.Close()
	return wires(ctx, t, s, "a card in another process, over a socket (tcp)", ours, func(command []byte) []byte { return bare.transmit(t, command) })
}

// wires are the lines of a transport beside a bare loop to a card like the one
// behind it.
func wires(ctx context.Context, t testing.TB, s size, group string, transport desfire.Transport, bare func([]byte) []byte) (rows []row) {
	transmit := func(command []byte) {
		if _, err := transport.Transmit(ctx, command); err != nil {
			t.Fatal(err)
		}
	}
	for _, first := range [][]byte{selectApplication, getValue} {
		bare(first)
		transmit(first)
	}
	row := func(l *lane, floor *lane) {
		rows = append(rows, s.beside(group, l, floor))
	}
	floor := &lane{once: func() { bare(getValue) }}
	apart := &lane{what: "the bare loop with a goroutine that waits, and one that is called", once: elsewhere(floor.once)}
	frame := &lane{what: "Transmit: one frame", once: func() { transmit(getValue) }}
	s.measure(floor, apart, frame)
	row(apart, floor)
	row(frame, floor)

	card, err := desfire.Connect(ctx, transport, nil)
	must(t, err)
	must(t, card.SelectApplication(ctx, application))
	cmd, rsp := &wire.GetValue{File: freeValue}, new(wire.Value)
	floor = &lane{once: floor.once}
	clear := &lane{what: "Card.Run: GetValue in clear", once: func() { must(t, card.Run(ctx, cmd, rsp)) }}
	s.measure(floor, clear)
	row(clear, floor)

	frames := func(n int) *lane {
		return &lane{once: func() {
			for range n {
				bare(getValue)
			}
		}}
	}
	for _, w := range ways[3:5] {
		w.authenticate(t, card)
		read, data := w.read(t, card, wire.CommFull), new(wire.Data)
		_, err := card.FileSettings(ctx, 2)
		must(t, err)
		n, floor := 0, frames(2)
		l := &lane{what: "Card.Run: 64 bytes enciphered, " + w.name + ", beside two frames", once: func() {
			if n++; n%perCounter == 0 {
				w.authenticate(t, card)
			}
			must(t, card.Run(ctx, read, data))
		}}
		s.measure(floor, l)
		row(l, floor)
	}
	for _, w := range ways[3:5] {
		floor := frames(5) // select, authenticate in two, debit, commit
		l := &lane{what: "select, authenticate, debit, commit, " + w.name + ", beside five frames", once: func() { pay(ctx, t, card, w) }}
		s.measure(floor, l)
		row(l, floor)
	}
	must(t, card.Close())
	return rows
}

// elsewhere has a goroutine of its own do something, as what cannot be interrupted
// and yet must be given up has to be done.
func elsewhere(once func()) func() {
	ask, done := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		for range ask {
			once()
			done <- struct{}{}
		}
	}()
	return func() {
		ask <- struct{}{}
		<-done
	}
}

// pay is a whole payment.
func pay(ctx context.Context, t testing.TB, card *desfire.Card, w session) {
	must(t, card.SelectApplication(ctx, application))
	must(t, card.AuthenticateWith(ctx, w.method, keyNo, key.Zero(w.typ)))
	_, err := card.Transact(ctx, func() error { return card.Debit(ctx, keyedValue, 1) })
	must(t, err)
}
