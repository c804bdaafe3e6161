package purseproof

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/wire"
)

// world is cards, terminals and what lies between them.
type world struct {
	t     testing.TB
	lay   *layout
	seed  uint64
	cards []*plastic
	terms []*terminal
	lease map[string]leased
	now   time.Time
	story []string // the last frames
	wrong []string
	kept  func(frames []*frame) // is told the frames of scripts; may be nil
}

type leased struct {
	by    *terminal
	epoch int
}

func newWorld(t testing.TB, l *layout, seed uint64, cards, terminals int) *world {
	w := &world{t: t, lay: l, seed: seed, lease: map[string]leased{}, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	var uids [][]byte
	for i := range cards {
		uid := []byte{0x04, 0x10 + byte(i), 2, 3, 4, 5, 6}
		uids = append(uids, uid)
		w.cards = append(w.cards, newPlastic(t, l, uid, seed+uint64(i)<<32))
	}
	for i := range terminals {
		tm := &terminal{w: w, number: i, keys: l.keys(l.tmKey, uids...)}
		tm.journal = purse.Memory(seeded(seed, fmt.Sprint("journal", i)))
		tm.open()
		w.terms = append(w.terms, tm)
	}
	return w
}

func (w *world) tell(format string, a ...any) {
	if w.story = append(w.story, fmt.Sprintf(format, a...)); len(w.story) > 400 {
		w.story = w.story[100:]
	}
}

func (w *world) fault(format string, a ...any) {
	w.wrong = append(w.wrong, fmt.Sprintf(format, a...))
}

// report prints what went wrong, with its seed and story.
func (w *world) report() {
	w.t.Helper()
	for _, c := range w.cards {
		if c.broken != "" {
			w.fault("the test does not know what happened: %s", c.broken)
		}
	}
	if len(w.wrong) > 0 {
		w.t.Errorf("%v, seed %d:\n%s\nstory:\n%s", w.lay, w.seed, strings.Join(w.wrong, "\n"), strings.Join(w.story, "\n"))
	}
}

// terminal is a purse with its journal.
type terminal struct {
	w       *world
	number  int
	keys    keystore.Store
	journal purse.Journal
	purse   *purse.Purse
	change  func(*purse.Config) // of the configuration, for scenarios

	card    *desfire.Card // as it was left
	before  *plastic      // whose card that is, as the world knows
	sending *purse.Entry  // its commands are under way
	at      int           // movements of it that were sent
	job     *job          // under way
	made    int           // requests
}

func (tm *terminal) String() string { return fmt.Sprintf("T%d", tm.number) }

func (tm *terminal) open() {
	conf := tm.w.lay.conf(tm.number, &watched{tm.journal, tm}, tm.keys)
	conf.Now = tm.w.clock
	if tm.w.lay.lease {
		conf.Lease = tm
	}
	if tm.change != nil {
		tm.change(&conf)
	}
	p, err := purse.Open(conf)
	if err != nil {
		tm.w.t.Fatalf("%v: %v", tm.w.lay, err)
	}
	tm.purse, tm.card = p, nil
}

// Epoch is the lease of the terminal.
func (tm *terminal) Epoch(uid []byte) (string, bool) {
	x := tm.w.lease[string(uid)]
	return fmt.Sprint(x.epoch), x.by == tm
}

// watched notes which change a terminal is about to send.
type watched struct {
	purse.Journal
	tm *terminal
}

func (j *watched) Begin(ctx context.Context, e *purse.Entry) error {
	err := j.Journal.Begin(ctx, e)
	if err == nil {
		j.tm.sending, j.tm.at = e, 0
		j.tm.w.tell("%v begins %v %v", j.tm, e.ID, e.Moves)
	}
	return err
}

func (j *watched) End(ctx context.Context, id purse.ID, o purse.Outcome, s *purse.CardState) error {
	j.tm.w.tell("%v decides %v: %v by rule %s: %s", j.tm, id, o.Decision, o.Rule, o.Why)
	return j.Journal.End(ctx, id, o, s)
}

// job is something that a terminal does. It stands still at each frame.
type job struct {
	tm   *terminal
	what string
	next func() (struct{}, bool)
	stop func()
	n    int // frames

	f         *frame // waits for its answer; nil if none
	s         *scripted
	reconnect bool // the terminal activates the card anew
	answer    []byte
	err       error

	yield   func(struct{}) bool
	receipt *purse.Receipt
	failed  error
	done    bool
}

var errStopped = errors.New("the test is over")

// Limits, Transmit and Reconnect are the link of the terminal.
func (tm *terminal) Limits() (command, response int, framing desfire.Framing) {
	return 60, 258, desfire.FramingWrapped
}

func (tm *terminal) Transmit(_ context.Context, command []byte) ([]byte, error) {
	return tm.exchange(tm.frame(command))
}

func (tm *terminal) exchange(f *frame) ([]byte, error) {
	j := tm.job
	j.f = f
	j.n++
	if !j.yield(struct{}{}) {
		return nil, errStopped
	}
	j.f = nil
	return j.answer, j.err
}

func (tm *terminal) Reconnect(context.Context) error {
	j := tm.job
	j.reconnect = true
	if !j.yield(struct{}{}) {
		return errStopped
	}
	j.reconnect = false
	return j.err
}

// frame says what a command of the terminal is about.
func (tm *terminal) frame(command []byte) *frame {
	f := &frame{bytes: append([]byte(nil), command...)}
	switch {
	case f.selects():
		tm.sending = nil
	case tm.sending == nil:
	case f.ins() == wire.InsDebit || f.ins() == wire.InsCredit || f.ins() == wire.InsLimitedCredit:
		if e := tm.sending; tm.at < len(e.Moves) {
			m := e.Moves[tm.at]
			f.moves = &movement{e.ID, tm.at, m.File, m.Signed()}
			tm.at++
		}
	}
	return f
}

// start begins a job; it stands at its first frame then, or is done.
func (tm *terminal) start(what string, do func(ctx context.Context, card *desfire.Card) (*purse.Receipt, error)) *job {
	j := &job{tm: tm, what: what}
	tm.job, tm.sending = j, nil
	j.next, j.stop = iter.Pull(func(yield func(struct{}) bool) {
		j.yield = yield
		ctx := context.Background()
		if tm.card == nil {
			c, err := desfire.Connect(ctx, tm.link(), &desfire.Config{Generation: tm.w.connects(), Rand: seeded(tm.w.seed, fmt.Sprint("reader", tm.number, tm.made))})
			if err != nil {
				j.failed = err
				return
			}
			tm.card = c
		}
		j.receipt, j.failed = do(ctx, tm.card)
	})
	tm.w.tell("%v: %s", tm, what)
	j.step()
	return j
}

// connects is the generation that a reader takes for granted: none where the card
// tells its UID in the version only.
func (w *world) connects() wire.Generation {
	if w.lay.diversified || w.lay.gen == wire.D40 {
		return wire.UnknownGeneration
	}
	return w.lay.gen
}

// step runs a job to its next frame.
func (j *job) step() {
	if _, ok := j.next(); !ok {
		j.done, j.f = true, nil
		if j.failed != nil {
			j.tm.w.tell("%v: %s ends: %v", j.tm, j.what, j.failed)
		} else {
			j.tm.w.tell("%v: %s is done", j.tm, j.what)
		}
		j.tm.judge(j)
	}
}

// give answers the frame of a job.
func (j *job) give(answer []byte, err error) {
	j.tm.w.tell("%v %d %X > %X %v", j.tm, j.n, head(j.f), tail(answer), errText(err))
	j.answer, j.err = answer, err
	j.step()
}

func head(f *frame) []byte {
	if f == nil {
		return nil
	}
	return f.bytes[:min(len(f.bytes), 8)]
}

func tail(b []byte) []byte { return b[max(0, len(b)-4):] }

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// debit starts a debit of the first value file.
func (tm *terminal) debit(id string, amount int32) *job {
	return tm.do(purse.Order{ID: id, Moves: tm.w.moves(purse.Debit, amount)})
}

func (w *world) moves(k purse.Kind, amount int32) []purse.Move {
	m := []purse.Move{{File: valueNo, Kind: k, Amount: amount}}
	if w.lay.values > 1 {
		m = append(m, purse.Move{File: secondNo, Kind: k, Amount: amount + 1})
	}
	return m
}

func (tm *terminal) do(o purse.Order) *job {
	return tm.start(fmt.Sprintf("%v %v", o.ID, o.Moves), func(ctx context.Context, card *desfire.Card) (*purse.Receipt, error) {
		return tm.purse.Do(ctx, card, o)
	})
}

func (tm *terminal) settle() *job {
	return tm.start("settle", func(ctx context.Context, card *desfire.Card) (*purse.Receipt, error) {
		return tm.purse.Settle(ctx, card)
	})
}

// judge compares what a purse returns with what it says.
func (tm *terminal) judge(j *job) {
	var not *purse.DidNotError
	var doubt *purse.InDoubtError
	want := purse.Happened
	r := j.receipt
	switch {
	case j.failed == nil && r == nil: // nothing was open
		return
	case j.failed == nil && j.what == "settle":
		if d := r.Decision(); d != purse.Happened && d != purse.DidNot {
			tm.w.fault("%v: settled, and %v", tm, d)
		}
		return
	case j.failed == nil:
	case errors.As(j.failed, &not):
		want, r = purse.DidNot, not.Receipt
	case errors.As(j.failed, &doubt):
		want, r = purse.InDoubt, doubt.Receipt
	default:
		return
	}
	if r.Decision() != want {
		tm.w.fault("%v: %s ends with %v, and the receipt says: %v", tm, j.what, j.failed, r.Decision())
	}
}

// card changes what lies on the reader, or that it was lifted and laid down: a new
// connection.
func (tm *terminal) present() { tm.card = nil }

// airError is what a transport says of a broken exchange.
type airError struct{ sent bool }

func (e *airError) Error() string { return "no answer" }
func (e *airError) Sent() bool    { return e.sent }

var lostFrame = &airError{true}
