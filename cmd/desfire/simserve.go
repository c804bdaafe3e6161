package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/vpcd"
	"github.com/spf13/cobra"
)

func (a *app) simServeCommand() *cobra.Command {
	var flags cardFlags
	var listen, slot, link string
	var serial bool
	var faults []string
	cmd := &cobra.Command{
		Use:   "serve [IMAGE]",
		Short: "Present a simulated card: on a socket, by PC/SC or by a PN532",
		Long: `Present a simulated card until Ctrl-C: on a socket (--listen), where --reader
tcp:HOST:PORT finds it, in a virtual reader of pcscd (--vpcd), where every
PC/SC program of this machine sees it, or in the field of a PN532 (--pn532) on a
serial line, where --reader pn532:LINE finds it, and so do programs that know
this chip, as those of libnfc. Without IMAGE it is a fresh card in memory.

A line "lift" or "return" on standard input takes the card off the reader and
puts it back` + toggleHelp + `. While the card lies there no other
program can have IMAGE; meanwhile it can.

With --fault, things go wrong between reader and card, so that programs can be
tested: lose-answer@C7#1 loses the answer to the first command C7. Each fault is
told when it happens, and how often each did in the end. "desfire help faults"
has all that can happen.

Who reaches the socket has the card: without a host, --listen :PORT listens on
the loopback interface only. The line of --pn532 is a pseudo-terminal, whose
name is told; --link gives it another one, which stays the same.`,
		Example: `  desfire sim serve --transit --listen :9000
  desfire sim serve --transit --listen :9000 --fault "flip@p=0.01"
  desfire sim serve travel.json --vpcd ` + vpcd.Slot0 + `
  desfire sim serve travel.json --pn532 --link ./pn532`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{cmd, fmt.Errorf("%s: one argument too many, %q: want [IMAGE]", cmd.CommandPath(), args[1])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			conf, err := flags.config(cmd)
			if err != nil {
				return err
			}
			ways := 0
			for _, way := range [...]bool{listen != "", slot != "", serial} {
				if way {
					ways++
				}
			}
			if ways != 1 {
				return &usageError{cmd, errors.New("where to present the card: want one of --listen HOST:PORT, --vpcd HOST:PORT and --pn532")}
			}
			if link != "" && !serial {
				return &usageError{cmd, errors.New("--link is for --pn532")}
			}
			for _, flag := range [...]string{"listen", "vpcd"} {
				if v := cmd.Flag(flag).Value.String(); v != "" {
					if _, port, err := net.SplitHostPort(v); err != nil || port == "" {
						return &usageError{cmd, fmt.Errorf("--%s %q: want HOST:PORT or :PORT", flag, v)}
					}
				}
			}
			image := ""
			if len(args) > 0 {
				if image = args[0]; flags.transit || flags.purse {
					return &usageError{cmd, errors.New("--transit and --purse are for fresh cards: make an image with desfire sim new")}
				}
			}
			planned, err := readFaults(cmd, faults)
			if err != nil {
				return err
			}
			card, err := a.loadCard(cmd, image, conf)
			if err != nil {
				return err
			}
			if flags.transit {
				if err := a.makeTransit(cmd.Context(), card, transitCredit); err != nil {
					return err
				}
			}
			if flags.purse {
				if err := a.makePurseCard(cmd.Context(), card); err != nil {
					return err
				}
			}
			s := &server{app: a, field: simreader.New("simulated", card)}
			if err := s.look(cmd.Context()); err != nil {
				return err
			}
			s.spoil(planned)
			ctx, cancel := a.endless(cmd.Context())
			defer cancel()
			switch {
			case listen != "":
				err = s.listen(ctx, listen)
			case serial:
				err = s.serial(ctx, link)
			default:
				err = s.insert(ctx, slot)
			}
			return errors.Join(err, s.sayFaults(planned))
		},
	}
	flags.register(cmd)
	cmd.Flags().StringVar(&listen, "listen", "", "socket to present the card on, HOST:PORT or :PORT")
	cmd.Flags().StringVar(&slot, "vpcd", "", "virtual reader to put the card in, HOST:PORT (Debian: "+vpcd.Slot0+")")
	cmd.Flags().BoolVar(&serial, "pn532", false, "put the card into the field of a PN532 on a serial line")
	cmd.Flags().StringVar(&link, "link", "", "name for the line of the PN532, as `PATH`; it is removed in the end")
	cmd.Flags().StringArrayVar(&faults, "fault", nil, "what goes wrong, as `FAULT;FAULT...`; may be given more than once")
	return cmd
}

// server presents one card.
type server struct {
	*app
	field   *simreader.Reader
	address string     // where it is presented
	saying  sync.Mutex // one line of JSON at a time
	lift    func()     // beyond the field: end connections, leave the reader
	back    func()
}

// serveEvent is one line of sim serve --json.
type serveEvent struct {
	Event string `json:"event"` // listening, inserting, lifted, returned, fault, faults
	cardOf
	Address string       `json:"address"`
	Fault   *serveFault  `json:"fault,omitempty"`
	Faults  []faultCount `json:"faults,omitempty"` // in the end: how often each has happened
}

// look finds out what the card calls itself.
func (s *server) look(ctx context.Context) error {
	t, err := s.field.Activate(ctx)
	if err != nil {
		return err
	}
	card, err := desfire.Connect(ctx, t, nil)
	if err != nil {
		return err
	}
	s.at = s.field.Name
	s.saw(card)
	return card.Close()
}

func (s *server) say(event, address, text string) {
	if s.json {
		s.emitEvent(serveEvent{Event: event, cardOf: s.card, Address: address})
		return
	}
	s.printf("%s\n", text)
}

// listen presents the card on a socket.
func (s *server) listen(ctx context.Context, addr string) error {
	l, err := tcp.Listen(ctx, addr)
	if err != nil {
		return err
	}
	at := l.Addr().String()
	srv := &tcp.Server{
		Present: func(ctx context.Context) (tcp.Card, error) {
			return s.field.Open(ctx)
		},
		Observe: func(e tcp.ServerEvent) {
			s.log.Debug("client "+e.Kind.String(), "peer", e.Peer, "err", text(e.Err))
		},
	}
	s.lift, s.back, s.address = srv.Lift, func() {}, at
	s.control(ctx, at, "listening", fmt.Sprintf("%v on %s: use it with --reader tcp:%s", s.field.Card, at, at))
	return srv.Serve(ctx, l)
}

// insert puts the card into a virtual reader and keeps it there.
func (s *server) insert(ctx context.Context, slot string) error {
	client := vpcd.New(slot, func(ctx context.Context) (vpcd.Card, error) {
		return s.field.Open(ctx)
	}, &vpcd.Config{Observe: func(e vpcd.Event) {
		switch e.Kind {
		case vpcd.Unreachable:
			s.log.Warn("nothing listens at "+slot+": is pcscd running, with the vpcd driver? trying again", "err", e.Err)
		case vpcd.Removed:
			s.log.Info("removed", "why", e.Err)
		case vpcd.Activated, vpcd.Connected:
			s.log.Debug(e.Kind.String())
		default:
			s.log.Info(e.Kind.String())
		}
	}})
	s.lift, s.back, s.address = client.Lift, client.Return, slot
	s.control(ctx, slot, "inserting", fmt.Sprintf("%v goes into the virtual reader at %s", s.field.Card, slot))
	return client.Run(ctx)
}

// control announces the card, then lifts and returns it as standard input and
// the signal say. Who has read the announcement may send the signal.
func (s *server) control(ctx context.Context, at, event, text string) {
	var mu sync.Mutex
	mu.Lock()
	defer mu.Unlock()
	move := func(in bool) {
		mu.Lock()
		defer mu.Unlock()
		if in {
			if err := s.field.Return(); err != nil {
				s.log.Warn("the card stays where it is", "err", err)
				return
			}
			s.back()
			s.say("returned", at, "returned")
			return
		}
		s.field.Lift()
		s.lift()
		s.say("lifted", at, "lifted")
	}
	onToggle(ctx, func() { move(!s.field.Card.InField()) })
	s.say(event, at, text)
	go func() {
		for in := bufio.NewScanner(s.stdin); in.Scan(); {
			switch line := strings.ToLower(strings.TrimSpace(in.Text())); line {
			case "lift":
				move(false)
			case "return":
				move(true)
			case "":
			default:
				s.log.Warn(fmt.Sprintf("%q: want lift or return", line))
			}
		}
	}()
}
