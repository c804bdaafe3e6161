package pcsc

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// Config says which readers take part and how. The zero value, and nil, is
// for every contactless reader.
type Config struct {
	// Reader is part of the names of the readers to use, in any case. Empty
	// for all.
	Reader string
	// Share is whether other programs may use a card while we do.
	Share ShareMode
	// Everything takes contact readers, SAM slots and contact cards too,
	// which are ignored otherwise.
	Everything bool
	// NoEscapes leaves readers as they are: no commands to the reader itself.
	NoEscapes bool
	// Logger is told what is worth knowing; nil is silent.
	Logger *slog.Logger
}

// Readers is every reader, now and later: a desfire.Source.
type Readers struct {
	config Config
	api    winscard
	log    *slog.Logger

	mu     sync.Mutex
	former map[string]*session // the last of each reader
}

// Open loads the platform's PC/SC library. It does not talk to the service:
// where that does not run, Events says so and waits for it. The error is
// ErrUnavailable where there is no library.
func Open(config *Config) (*Readers, error) {
	api, err := load()
	if err != nil {
		return nil, err
	}
	return open(config, api), nil
}

func open(config *Config, api winscard) *Readers {
	r := &Readers{api: api, former: make(map[string]*session)}
	if config != nil {
		r.config = *config
	}
	if r.log = r.config.Logger; r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

// ReaderInfo is a reader as it is at the moment.
type ReaderInfo struct {
	Name  string
	State State
	ATR   []byte // of the card, where there is one
	// Ignored tells why the reader, or the card in it, takes no part; empty
	// if it does.
	Ignored string
}

// List tells which readers there are and what they do, at once, in a slice of the
// caller's. Errors:
// ErrNoService where the service does not run, ErrNoReader where it knows no
// reader or none that Config.Reader names.
func (r *Readers) List(ctx context.Context) ([]ReaderInfo, error) {
	type listed struct {
		readers []ReaderInfo
		err     error
	}
	l, err := await(ctx, func() listed {
		readers, err := r.list()
		return listed{readers, err}
	}, func(listed) {})
	if err != nil {
		return nil, &OpError{Op: "list the readers", Err: err}
	}
	return l.readers, l.err
}

func (r *Readers) list() ([]ReaderInfo, error) {
	const op = "list the readers"
	goos := r.api.platform().name
	hContext, code := r.api.establishContext()
	if code != codeOK {
		return nil, failed(goos, op, "", code)
	}
	defer r.api.releaseContext(hContext)
	for {
		all, code := r.api.listReaders(hContext)
		if code != codeOK {
			return nil, failed(goos, op, "", code)
		}
		names := r.filter(all)
		if len(names) == 0 {
			e := &OpError{Op: op, Err: ErrNoReader, Advice: noReaderAdvice(goos)}
			if len(all) > 0 {
				e.Err = fmt.Errorf("%w with %q in its name", ErrNoReader, r.config.Reader)
				e.Advice = "there are: " + strings.Join(all, ", ")
			}
			return nil, e
		}
		states := make([]readerState, len(names))
		for i, name := range names {
			states[i].reader = name
		}
		switch code = r.api.getStatusChange(hContext, 0, states); code {
		case codeUnknownReader: // one has just left
			continue
		case codeOK, codeTimeout:
		default:
			return nil, failed(goos, op, "", code)
		}
		infos := make([]ReaderInfo, len(names))
		for i, s := range states {
			info := &infos[i]
			*info = ReaderInfo{Name: s.reader, State: State(s.event) &^ StateChanged, Ignored: r.ignoredReader(s.reader)}
			if info.State&StatePresent != 0 {
				info.ATR = s.atr
				if info.Ignored == "" {
					info.Ignored = r.ignoredCard(s.reader, info.State, s.atr)
				}
			}
		}
		return infos, nil
	}
}

// filter keeps the readers that Config.Reader names.
func (r *Readers) filter(names []string) []string {
	var kept []string
	part := strings.ToLower(r.config.Reader)
	for _, name := range names {
		if strings.Contains(strings.ToLower(name), part) {
			kept = append(kept, name)
		}
	}
	return kept
}

// profile is the reader's profile, without escapes if they are not wanted.
func (r *Readers) profile(reader string) *profile {
	p := profileOf(reader)
	if r.config.NoEscapes {
		bare := *p
		bare.pollingOff, bare.pollingOn, bare.direct, bare.commands = nil, nil, nil, false
		return &bare
	}
	return p
}

func (r *Readers) ignoredReader(name string) string {
	if r.config.Everything {
		return ""
	}
	return ignoredReader(name)
}

func (r *Readers) ignoredCard(reader string, state State, atr []byte) string {
	reason := ignoredCard(profileOf(reader), state, atr)
	if r.config.Everything && state&StateMute == 0 {
		return ""
	}
	return reason
}

// hexBytes prints as hex in log lines, and costs nothing where they are not
// wanted.
type hexBytes []byte

func (b hexBytes) String() string { return hex.EncodeToString(b) }
