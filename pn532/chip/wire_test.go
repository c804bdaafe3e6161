package chip

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"time"
)

// tape is a line: what is read from it, and what was written to it.
type tape struct {
	in  [][]byte
	out bytes.Buffer
}

func (t *tape) Read(p []byte) (int, error) {
	if len(t.in) == 0 {
		return 0, io.EOF
	}
	n := copy(p, t.in[0])
	t.in = t.in[1:]
	return n, nil
}

func (t *tape) Write(p []byte) (int, error) { return t.out.Write(p) }

func TestWire(t *testing.T) {
	frame := []byte("0123456789")
	for _, c := range []struct {
		fault Fault
		is    func(got []byte) bool
	}{
		{0, func(got []byte) bool { return bytes.Equal(got, frame) }},
		{Lose, func(got []byte) bool { return len(got) == 0 }},
		{Double, func(got []byte) bool { return bytes.Equal(got, append(slices.Clone(frame), frame...)) }},
		{Cut, func(got []byte) bool { return len(got) < len(frame) && bytes.HasPrefix(frame, got) }},
		{Behead, func(got []byte) bool { return len(got) < len(frame) && bytes.HasSuffix(frame, got) }},
		{Garbage, func(got []byte) bool { return len(got) > len(frame) && bytes.HasSuffix(got, frame) }},
		{Tail, func(got []byte) bool { return len(got) > len(frame) && bytes.HasPrefix(got, frame) }},
		{Flip, func(got []byte) bool {
			return len(got) == len(frame) && !bytes.Equal(got, frame) && differ(got, frame) == 1
		}},
		{LoseACK, func(got []byte) bool { return bytes.Equal(got, frame) }},
		{Delay, func(got []byte) bool { return bytes.Equal(got, frame) }},
		{Again, func(got []byte) bool { return bytes.Equal(got, append(slices.Clone(frame), frame...)) }},
	} {
		for seed := range uint64(20) {
			line := &tape{in: [][]byte{slices.Clone(frame), []byte("next")}}
			var slept time.Duration
			w := NewWire(line, &WireConfig{Seed: seed, Sleep: func(d time.Duration) { slept += d }})
			w.PlanWrite(c.fault)
			w.PlanRead(c.fault)
			if n, err := w.Write(frame); n != len(frame) || err != nil {
				t.Errorf("%d: %d, %v", c.fault, n, err)
			}
			if got := line.out.Bytes(); !c.is(got) {
				t.Errorf("fault %d: %q was written", c.fault, got)
			}
			got, err := io.ReadAll(w)
			if err != nil || !bytes.HasSuffix(got, []byte("next")) || !c.is(bytes.TrimSuffix(got, []byte("next"))) {
				t.Errorf("fault %d: %q was read, %v", c.fault, got, err)
			}
			want := map[bool]int{true: 2}[c.fault != 0 && c.fault != LoseACK]
			if n := w.Counts()[c.fault]; n != want {
				t.Errorf("fault %d happened %d times, want %d", c.fault, n, want)
			}
			if (slept > 0) != (c.fault == Delay || c.fault == Again) {
				t.Errorf("fault %d: slept %v", c.fault, slept)
			}
		}
	}
}

func differ(a, b []byte) (bits int) {
	for i := range a {
		for x := a[i] ^ b[i]; x != 0; x &= x - 1 {
			bits++
		}
	}
	return bits
}

func TestWireOfChance(t *testing.T) {
	run := func(seed uint64) (string, map[Fault]int) {
		line := &tape{}
		w := NewWire(line, &WireConfig{Seed: seed, Back: 0.3})
		for range 1000 {
			w.Write([]byte("0123456789"))
		}
		return line.out.String(), w.Counts()
	}
	a, counts := run(1)
	b, _ := run(1)
	c, _ := run(2)
	if a != b || a == c {
		t.Error("the seed does not say what happens")
	}
	sum := 0
	for _, f := range Faults() {
		if counts[f] == 0 {
			t.Errorf("fault %d never happens", f)
		}
		sum += counts[f]
	}
	if sum < 200 || sum > 400 {
		t.Errorf("%d faults of 1000 at 0.3", sum)
	}
	line := &tape{in: [][]byte{[]byte("a"), []byte("b"), []byte("c")}}
	w := NewWire(line, &WireConfig{Back: 1, ToEnd: 1, Kinds: []Fault{LoseACK}})
	w.Write(frameACK)
	w.Write([]byte("answer"))
	if line.out.String() != "answer" {
		t.Errorf("%q arrives where acknowledges are lost", line.out.String())
	}
	w.Die()
	w.Write([]byte("x"))
	if got, err := io.ReadAll(w); len(got) != 0 || err != nil {
		t.Errorf("a dead wire carries %q, %v", got, err)
	}
	w.Revive()
	w.Calm()
	w.Write(frameACK)
	w.Storm()
	w.Write(frameACK)
	if got := line.out.String(); got != "answer"+string(frameACK) {
		t.Errorf("%q after it came back", got)
	}
}
