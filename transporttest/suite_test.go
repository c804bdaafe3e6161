package transporttest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/go-desfire/desfire/internal/frame"
)

// memory is a transport without a link, right in everything but the fault that
// it is told to have.
type memory struct {
	fault   string
	present func(context.Context) (Card, error)

	mu     sync.Mutex
	card   Card
	ended  error
	closed bool
	done   chan struct{} // closed by finish and Close
	buf    []byte
	stop   context.CancelFunc
	field  context.Context
}

type memoryError struct {
	error
	sent bool
}

func (e *memoryError) Sent() bool    { return e.sent }
func (e *memoryError) Unwrap() error { return e.error }

func (m *memory) connect(ctx context.Context) error {
	card, err := m.present(ctx)
	if err != nil {
		return err
	}
	m.card, m.ended, m.done = card, nil, make(chan struct{})
	m.field, m.stop = context.WithCancel(context.Background())
	return nil
}

func (m *memory) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	if ctx.Err() != nil && m.fault != "ignores an ended context" {
		return nil, &memoryError{ctx.Err(), m.fault == "sent without sending"}
	}
	m.mu.Lock()
	card, ended, done, field := m.card, m.ended, m.done, m.field
	m.mu.Unlock()
	if ended != nil && m.fault != "works when finished" {
		return nil, &memoryError{ended, false}
	}
	given := bytes.Clone(command)
	switch m.fault {
	case "changes the command":
		command[len(command)-1]++
	case "swallows trailing zeros":
		given = bytes.TrimRight(given, "\x00")
	case "cuts long commands":
		given = given[:min(len(given), 60000)]
	}
	type answer struct {
		response []byte
		err      error
	}
	c := make(chan answer, 1)
	go func() {
		r, err := card.Transmit(field, given)
		c <- answer{r, err}
	}()
	select {
	case a := <-c:
		return m.deliver(a.response, a.err)
	case <-ctx.Done():
		m.finish(ctx.Err())
		return nil, &memoryError{ctx.Err(), m.fault != "not sent when given up"}
	case <-done:
		return nil, &memoryError{errors.New("closed"), true}
	}
}

func (m *memory) Script(ctx context.Context, s *frame.Script) ([][]byte, error) {
	var answers [][]byte
	if m.fault == "sends scripts with an ended context" {
		ctx = context.WithoutCancel(ctx)
	}
	for i, step := range s.Steps {
		a, err := m.Transmit(ctx, step.Command)
		switch {
		case err != nil && m.fault == "loses the answers of a script":
			return nil, err
		case err != nil && m.fault == "hides that a script broke off":
			return answers, nil
		case err != nil && m.fault == "says that a script broke off before it began":
			return answers, &memoryError{err, false}
		case err != nil:
			return answers, err
		}
		answers = append(answers, a)
		if m.fault == "denies a script" {
			return nil, errors.ErrUnsupported
		}
		if !s.GoesOn(i, a) && m.fault != "goes on behind an unexpected status" {
			break
		}
	}
	if m.fault == "changes the commands of a script" {
		clear(s.Steps[0].Command)
	}
	return answers, nil
}

func (m *memory) deliver(response []byte, err error) ([]byte, error) {
	if err != nil {
		m.finish(err)
		if m.fault == "hides the card's failure" {
			return []byte{0x91, 0x00}, nil
		}
		return nil, &memoryError{err, true}
	}
	switch m.fault {
	case "cuts long answers":
		response = response[:min(len(response), 60000)]
	case "fails on empty answers":
		if len(response) == 0 {
			return nil, &memoryError{errors.New("empty"), true}
		}
	case "answers with the last answer":
		last := m.buf
		m.buf = bytes.Clone(response)
		if last != nil {
			return last, nil
		}
	}
	return bytes.Clone(response), nil
}

func (m *memory) finish(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ended == nil {
		m.ended = err
		close(m.done)
		m.stop()
		m.card.Close()
	}
}

func (m *memory) Reconnect(ctx context.Context) error {
	m.mu.Lock()
	closed := m.closed
	m.mu.Unlock()
	if closed && m.fault != "reconnects after Close" {
		return errors.New("closed")
	}
	if m.fault == "reconnects without a new activation" {
		return nil
	}
	m.finish(errors.New("reconnecting"))
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.connect(ctx)
}

func (m *memory) Close() error {
	m.mu.Lock()
	again := m.closed
	m.closed = true
	m.mu.Unlock()
	switch {
	case m.fault == "fails on a second Close" && again:
		return errors.New("closed already")
	case m.fault == "works after Close":
		return nil
	}
	m.finish(errors.New("closed"))
	return nil
}

func (m *memory) ATR() []byte {
	if m.fault == "shares the ATR" {
		if m.buf == nil {
			m.buf = m.card.ATR()
		}
		return m.buf
	}
	return m.card.ATR()
}

func (m *memory) String() string {
	if m.fault == "has no name" {
		return ""
	}
	return "memory"
}

// wrapped leaves to a memory what a wrapper may leave to what it wraps.
type wrapped struct{ m *memory }

func (w wrapped) Transmit(ctx context.Context, command []byte) ([]byte, error) {
	return w.m.Transmit(ctx, command)
}
func (w wrapped) Script(ctx context.Context, s *frame.Script) ([][]byte, error) {
	return frame.PassScript(ctx, w.m, s)
}
func (w wrapped) Reconnect(ctx context.Context) error { return w.m.Reconnect(ctx) }
func (w wrapped) Unwrap() Transport                   { return w.m }

// fixed wraps a transport and cannot reconnect.
type fixed struct{ wrapped }

func (w fixed) Reconnect(ctx context.Context) error {
	if w.m.fault == "reconnects and denies it" {
		_ = w.m.Reconnect(ctx)
	}
	return errors.ErrUnsupported
}

// Script is of no use behind it.
func (fixed) Script(context.Context, *frame.Script) ([][]byte, error) {
	return nil, errors.ErrUnsupported
}

// misspelt has an Unwrap that nobody will find.
type misspelt struct{ *memory }

func (w misspelt) Unwrap() *memory { return w.memory }

const faultEnv = "TRANSPORTTEST_FAULT"

// TestSuite passes without a fault, and is run by TestFaults with each.
func TestSuite(t *testing.T) { suite(t, func(m *memory) Transport { return m }) }

// The same through wrappers.

func TestWrappedSuite(t *testing.T) { suite(t, func(m *memory) Transport { return wrapped{m} }) }

func TestSuiteOfFixed(t *testing.T) {
	suite(t, func(m *memory) Transport { return fixed{wrapped{m}} })
}

func TestSuiteOfMisspelt(t *testing.T) {
	if os.Getenv(faultEnv) == "" {
		t.Skip("this fails: see TestFaults")
	}
	suite(t, func(m *memory) Transport { return misspelt{m} })
}

func suite(t *testing.T, use func(m *memory) Transport) {
	Run(t, func(t *testing.T, present func(context.Context) (Card, error)) Transport {
		m := &memory{fault: os.Getenv(faultEnv), present: present}
		if err := m.connect(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.finish(errors.New("the test is over")) })
		return use(m)
	}, nil)
}

func TestFixedSuite(t *testing.T) {
	RunFixed(t, func(t *testing.T) Transport {
		f := &fixture{answer: echo}
		m := &memory{fault: os.Getenv(faultEnv), present: f.present}
		if err := m.connect(context.Background()); err != nil {
			t.Fatal(err)
		}
		return m
	}, getVersion)
}

// Each way to break the contract is noticed, by the test that is there for it.
func TestFaults(t *testing.T) {
	if os.Getenv(faultEnv) != "" {
		t.Skip("this is the inner run")
	}
	for fault, by := range map[string]string{
		"swallows trailing zeros":                      "native_and_wrapped_bytes_pass_unchanged",
		"cuts long commands":                           "every_length_passes",
		"cuts long answers":                            "every_length_passes",
		"fails on empty answers":                       "empty_answer",
		"changes the command":                          "command_is_not_changed",
		"answers with the last answer":                 "many_exchanges",
		"ignores an ended context":                     "context_that_has_ended",
		"sent without sending":                         "context_that_has_ended",
		"works when finished":                          "cancel_returns_at_once_and_finishes",
		"not sent when given up":                       "deadline_returns_at_once_and_finishes",
		"reconnects without a new activation":          "reconnect_is_a_new_activation",
		"reconnects after Close":                       "use_after_close",
		"works after Close":                            "use_after_close",
		"fails on a second Close":                      "close_by_many",
		"hides the card's failure":                     "card_that_fails",
		"shares the ATR":                               "descriptions",
		"has no name":                                  "descriptions",
		"changes the commands of a script":             "script",
		"denies a script":                              "script",
		"goes on behind an unexpected status":          "script_stops_at_an_unexpected_status",
		"loses the answers of a script":                "script_that_breaks_off_gives_the_answers_that_came",
		"hides that a script broke off":                "script_that_breaks_off_gives_the_answers_that_came",
		"says that a script broke off before it began": "script_that_breaks_off_gives_the_answers_that_came",
		"sends scripts with an ended context":          "script_with_a_context_that_has_ended",
		"reconnects and denies it":                     "reconnect_is_a_new_activation",
		"has an Unwrap of another type":                "descriptions",
	} {
		suite := map[string]string{"reconnects and denies it": "TestSuiteOfFixed", "has an Unwrap of another type": "TestSuiteOfMisspelt"}[fault]
		if suite == "" {
			suite = "TestSuite"
		}
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^"+suite+"$/^"+by+"$", "-test.v", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), faultEnv+"="+fault)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL: "+suite+"/"+by) {
				t.Errorf("the suite is content with a transport that %s: %v\n%s", fault, err, out)
			}
		})
	}
}
