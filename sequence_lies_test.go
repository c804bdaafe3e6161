package desfire_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// far is the transport's way to the card, without a script.
func (a *agent) far(ctx context.Context, frames ...[]byte) (answers [][]byte) {
	for _, f := range frames {
		answer, _ := a.Transport.Transmit(ctx, f)
		answers = append(answers, bytes.Clone(answer))
	}
	return answers
}

type sentError struct{ sent bool }

func (e sentError) Error() string { return "no answer" }
func (e sentError) Sent() bool    { return e.sent }

// scriptLies are what an agent, or a relay behind it, makes of a script at frame k. The card
// may have more than is said.
var scriptLies = []struct {
	name string
	tell func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error)
}{
	{"held back, all done", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return a.far(ctx, frames...)[:k], sentError{true}
	}},
	{"held back, all done, said not to be sent", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		if k == 0 {
			return nil, sentError{true} // nothing was sent, and Sent says more
		}
		return a.far(ctx, frames...)[:k], sentError{false}
	}},
	{"held back from k on", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return a.far(ctx, frames[:k]...), sentError{true}
	}},
	{"nothing sent", func(context.Context, *agent, [][]byte, int) ([][]byte, error) { return nil, sentError{false} }},
	{"refusal forged, all done", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return append(a.far(ctx, frames...)[:k:k], []byte{0x91, 0xAE}), nil
	}},
	{"refusal forged, gone on", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		answers := a.far(ctx, frames...)
		answers[k] = []byte{0x91, 0xAE}
		return answers, nil
	}},
	{"refusal forged, nothing more done", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return append(a.far(ctx, frames[:k]...), []byte{0x91, 0xAE}), nil
	}},
	{"a bit wrong", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		answers := a.far(ctx, frames...)
		answers[k][0] ^= 1
		return answers, nil
	}},
	{"empty answer", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return append(a.far(ctx, frames...)[:k:k], nil), nil
	}},
	{"success forged without a MAC", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		answers := a.far(ctx, frames...)
		answers[k] = []byte{0x91, 0}
		return answers, nil
	}},
	{"more to come, forged", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return append(a.far(ctx, frames...)[:k:k], []byte{0x91, 0xAF}), nil
	}},
	{"skipped", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return slices.Concat(a.far(ctx, frames[:k]...), [][]byte{{0x91, 0}}, a.far(ctx, frames[k+1:]...)), nil
	}},
	{"reordered", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		f := slices.Clone(frames)
		n := (k + 1) % len(f)
		f[k], f[n] = f[n], f[k]
		return a.far(ctx, f...), nil
	}},
	{"answers reordered", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		answers := a.far(ctx, frames...)
		n := (k + 1) % len(answers)
		answers[k], answers[n] = answers[n], answers[k]
		return answers, nil
	}},
	{"repeated", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return a.far(ctx, slices.Insert(slices.Clone(frames), k, frames[k])...)[1:], nil
	}},
	{"changed", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		f := slices.Clone(frames)
		f[k] = bytes.Clone(f[k])
		f[k][len(f[k])-2] ^= 1
		return a.far(ctx, f...), nil
	}},
	{"too few answers", func(ctx context.Context, a *agent, frames [][]byte, k int) ([][]byte, error) {
		return a.far(ctx, frames...)[:k], nil
	}},
	{"too many answers", func(ctx context.Context, a *agent, frames [][]byte, _ int) ([][]byte, error) {
		return append(a.far(ctx, frames...), []byte{0x91, 0}), nil
	}},
	{"all forged, nothing done", func(_ context.Context, _ *agent, frames [][]byte, _ int) ([][]byte, error) {
		return slices.Repeat([][]byte{{0x91, 0}}, len(frames)), nil
	}},
}

// What was done is never said not to be, and what was not never to be.
func TestSequenceIsLiedTo(t *testing.T) {
	for _, m := range sequenceMethods {
		for _, lie := range scriptLies {
			for k := range liedTo {
				t.Run(fmt.Sprintf("%v/%s/%d", m, lie.name, k), func(t *testing.T) {
					beLiedTo(t, m, lie.name == "nothing sent", func(ctx context.Context, a *agent, frames [][]byte) ([][]byte, error) {
						return lie.tell(ctx, a, frames, k)
					})
				})
			}
		}
	}
}

// FuzzSequence has an agent do with a script what the input says: each byte of plan is a frame that
// the card gets, by the lower bits, and whether its answer goes back; junk stands in for an answer.
func FuzzSequence(f *testing.F) {
	f.Add(false, []byte{0, 1, 2, 3, 4}, []byte{}, byte(0))
	f.Add(true, []byte{0, 1, 2, 3, 4}, []byte{0x91, 0}, byte(3))
	f.Add(false, []byte{0, 1, 2, 0x83, 4}, []byte{0x91, 0xAE}, byte(1))
	f.Add(false, []byte{0, 2, 1, 3}, []byte{}, byte(0x80))
	f.Add(true, []byte{}, []byte{}, byte(0x40))
	f.Fuzz(func(t *testing.T, lrp bool, plan, junk []byte, at byte) {
		m := sequenceMethods[0]
		if lrp {
			m = sequenceMethods[1]
		}
		beLiedTo(t, m, false, func(ctx context.Context, a *agent, frames [][]byte) (answers [][]byte, err error) {
			for i, b := range plan[:min(len(plan), 12)] {
				answer := a.far(ctx, frames[int(b&0x3F)%len(frames)])
				if i == int(at&0x0F) && len(junk) > 0 {
					answer[0] = junk
				}
				if b&0x80 == 0 {
					answers = append(answers, answer...)
				}
			}
			if at&0x80 != 0 {
				err = sentError{len(answers) > 0 || at&0x40 == 0 || len(plan) > 0}
			}
			return answers, err
		})
	})
}

const liedTo = 5 // frames of the script

// beLiedTo credits a purse, by a script of which tell makes something, and compares what
// is said with what the card holds.
func beLiedTo(t *testing.T, m key.Method, unsent bool, tell func(ctx context.Context, a *agent, frames [][]byte) ([][]byte, error)) {
	s := newSequenced(t, m)
	s.enter(t)
	if _, err := s.card.FileSettings(t.Context(), settledPurse); err != nil {
		t.Fatal(err)
	}
	had := s.value(t)
	read, late := desfire.Cmd(&wire.GetValue{File: settledPurse}), desfire.Cmd(&wire.GetValue{File: settledPurse})
	credit, name := desfire.Cmd(&wire.Credit{File: settledPurse, Amount: 5}), desfire.Cmd(&wire.CommitReaderID{TMRI: [16]byte{1}})
	commit := desfire.Cmd(&wire.CommitTransaction{})
	s.far.meet = func(ctx context.Context, x *desfire.Script) ([][]byte, error) {
		var frames [][]byte
		for _, step := range x.Steps {
			frames = append(frames, step.Command)
		}
		if len(frames) < liedTo { // what goes on behind a false sign of more
			return desfire.RunScript(ctx, s.far.Transport, x)
		}
		return tell(ctx, s.far, frames)
	}
	err := s.card.Sequence(t.Context(), read, name, credit, commit, late)
	s.far.meet = nil
	moved := s.value(t) != had
	if moved && s.value(t) != had+5 {
		t.Fatalf("the card holds %d, and held %d", s.value(t), had)
	}
	unknown := errors.As(commit.Err, new(*desfire.OutcomeUnknownError))
	var skipped *desfire.SkippedError
	switch {
	case commit.Err == nil && !moved:
		t.Error("the commit is said to be done, and is not")
	case moved && commit.Err != nil && !unknown:
		t.Errorf("the commit is done: %v", commit.Err)
	case unknown && !errors.As(err, new(*desfire.OutcomeUnknownError)):
		t.Errorf("the commit is open, and the sequence says %v", err)
	case unsent && (!errors.As(commit.Err, &skipped) || skipped.Sent() || !desfire.SafeToRetry(err)):
		t.Errorf("nothing was sent: %v, %v", commit.Err, err)
	}
	if commit.Err != nil && moved && desfire.SafeToRetry(err) {
		t.Errorf("said to be safe to repeat: %v", err)
	}
	if err == nil {
		return
	}
	// What may be pending is not committed by accident.
	if err := s.card.Commit(t.Context()); err == nil && !moved {
		t.Error("a commit behind a broken sequence")
	} else if !moved && s.value(t) != had {
		t.Errorf("a commit behind a broken sequence: %v", err)
	}
}

// value is that of the purse as the card's memory has it.
func (s *sequenced) value(t *testing.T) int32 {
	t.Helper()
	for _, a := range s.picc.Image().Applications {
		for i := range a.Files {
			if f := &a.Files[i]; f.No == int(settledPurse) && f.Value != nil {
				return f.Value.Value
			}
		}
	}
	t.Fatal("no purse")
	return 0
}

// A context that ends, and a Card that is closed, in the middle of a script.
func TestSequenceEnds(t *testing.T) {
	for name, end := range map[string]func(s *sequenced, cancel func()){
		"context": func(_ *sequenced, cancel func()) { cancel() },
		"closed":  func(s *sequenced, _ func()) { _ = s.card.Close() },
	} {
		s := newSequenced(t, sequenceMethods[0])
		s.enter(t)
		if _, err := s.card.FileSettings(t.Context(), settledPurse); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s.far.meet = func(_ context.Context, x *desfire.Script) ([][]byte, error) {
			answers, err := desfire.RunScript(t.Context(), s.far.Transport, x)
			end(s, cancel)
			return answers, err
		}
		name1, credit := desfire.Cmd(&wire.CommitReaderID{TMRI: [16]byte{1}}), desfire.Cmd(&wire.Credit{File: settledPurse, Amount: 5})
		commit := desfire.Cmd(&wire.CommitTransaction{})
		err := s.card.Sequence(ctx, name1, credit, commit)
		switch {
		case s.value(t) != 505:
			t.Errorf("%s: the card holds %d", name, s.value(t))
		case name == "context" && err != nil: // all was answered
			t.Errorf("%s: %v", name, err)
		case name == "closed" && (!errors.Is(err, desfire.ErrClosed) || !errors.As(commit.Err, new(*desfire.OutcomeUnknownError)) || !errors.As(err, new(*desfire.OutcomeUnknownError))):
			t.Errorf("%s: %v; %v", name, err, commit.Err)
		}
		before := s.far.trips
		if err := s.card.Sequence(ctx, desfire.Cmd(&wire.GetValue{File: settledPurse}), desfire.Cmd(&wire.GetFileIDs{})); err == nil || s.far.trips != before {
			t.Errorf("%s: a sequence behind it: %v", name, err)
		}
		cancel()
	}
}

// Settings that are not known are asked for before anything pends.
func TestSequenceAsksBefore(t *testing.T) {
	s := newSequenced(t, sequenceMethods[0])
	s.enter(t)
	s.seen = nil
	before := s.far.trips
	if err := s.card.Sequence(t.Context(), desfire.Cmd(&wire.WriteData{File: settledSlots, Data: []byte{1}}), desfire.Cmd(&wire.WriteRecord{File: settledLog, Data: []byte{2}}),
		desfire.Cmd(&wire.Debit{File: settledPurse, Amount: 5}), desfire.Cmd(&wire.CommitReaderID{}), desfire.Cmd(&wire.CommitTransaction{})); err != nil {
		t.Fatal(err)
	}
	if n := s.far.trips - before; n != 2 || len(s.seen) != 8 {
		t.Errorf("%d round trips: %q", n, s.seen)
	}
	// One that cannot be had costs all.
	missing, value := desfire.Cmd(&wire.ReadData{File: 9, Length: 1}), desfire.Cmd(&wire.GetValue{File: settledPurse})
	err := s.card.Sequence(t.Context(), value, missing)
	var skipped *desfire.SkippedError
	if !errors.As(missing.Err, new(*desfire.FileSettingsError)) || !errors.Is(err, missing.Err) || !errors.As(value.Err, &skipped) || skipped.Sent() {
		t.Errorf("%v: %v; %v", err, missing.Err, value.Err)
	}
}

// A refusal is told, and what stands behind it done but for the commit: it is not committed by
// the next session, and nobody is told that the job can be repeated.
func TestSequenceLeavesNothingPending(t *testing.T) {
	s := newSequenced(t, sequenceMethods[0])
	s.enter(t)
	if _, err := s.card.FileSettings(t.Context(), settledPurse); err != nil {
		t.Fatal(err)
	}
	s.far.meet = func(ctx context.Context, x *desfire.Script) ([][]byte, error) {
		for _, step := range x.Steps[:3] {
			s.far.far(ctx, step.Command)
		}
		return [][]byte{{0x91, 0xAE}}, nil
	}
	err := s.card.Sequence(t.Context(), desfire.Cmd(&wire.GetValue{File: settledPurse}), desfire.Cmd(&wire.CommitReaderID{TMRI: [16]byte{1}}),
		desfire.Cmd(&wire.Credit{File: settledPurse, Amount: 5}), desfire.Cmd(&wire.CommitTransaction{}))
	if !errors.As(err, new(*desfire.OutcomeUnknownError)) {
		t.Errorf("the sequence: %v", err)
	}
	if err := s.card.AuthenticateWith(t.Context(), *s.login.Method, 0, s.login.Key); err != nil {
		t.Fatal(err)
	}
	if err := s.card.Commit(t.Context()); !errors.As(err, new(*desfire.BrokenError)) || s.value(t) != 500 {
		t.Errorf("a commit in the next session: %v; the card holds %d", err, s.value(t))
	}
	s.picc.Inject(sim.Fault{Exchange: 1, Kind: sim.LoseAnswer})
	if _, err := s.card.Value(t.Context(), settledPurse); err == nil || desfire.SafeToRetry(err) {
		t.Errorf("something may have been changed: %v", err)
	}
}
