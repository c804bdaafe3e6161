package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/phone"
	"github.com/go-desfire/desfire/place"
)

// phonePairEvent is a line of phone pair --json.
type phonePairEvent struct {
	Event     string   `json:"event"`     // listening, paired, confirmed
	Addresses []string `json:"addresses"` // listening: one of them goes into the phone
	Phone     string   `json:"phone"`     // what it is called here
	Key       string   `json:"key"`       // fingerprint of its key
}

func (a *app) phonePairCommand() *cobra.Command {
	var listen string
	cmd := &cobra.Command{
		Use:   "pair",
		Short: "Let a phone in, which is a reader from then on",
		Long: `Let a phone in. This prints where it has to connect to; the app of the phone, or
"desfire phone offer ADDRESS" of another computer, asks for that. The phone shows
six digits, which are typed here. They prove that nobody stands between the two:
there is one try, for two minutes. At last the phone asks whether this computer
says that it is paired. Say so there only if it does.

What is kept is the fingerprint of the phone's key, in the user's folder of
states, until "desfire phone revoke". --listen changes where this computer waits
for its phones, from now on.`,
		Args: wants(),
		Example: `  desfire phone pair
  desfire phone pair --listen :9500`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.phonePair(cmd, listen) },
	}
	cmd.Flags().StringVar(&listen, "listen", "", "where to wait for phones, `HOST:PORT` or :PORT, which is kept (default :"+phone.DefaultPort+")")
	return cmd
}

func (a *app) phonePair(cmd *cobra.Command, listen string) error {
	ctx := cmd.Context()
	ask := a.prompter(ctx)
	if ask == nil {
		return &usageError{cmd, errors.New("there is no terminal on which somebody could type the digits that the phone shows")}
	}
	book, err := openPhones()
	if err != nil {
		return err
	}
	if listen != "" {
		_, port, err := net.SplitHostPort(listen)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
			return &usageError{cmd, fmt.Errorf("--listen %q: want HOST:PORT or :PORT, as :9500", listen)}
		}
	}
	s, err := a.listenToPair(book, listen)
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	if err := a.sayAddresses(phone.Addresses(s.Addr())); err != nil {
		return err
	}
	p, err := s.Pair(ctx, func(ctx context.Context, name string) (string, error) {
		digits, err := ask(ctx, fmt.Sprintf("Six digits that the phone %q shows", name))
		return string(digits), err
	}, func(p phone.Phone) {
		if a.json {
			_ = a.emit(phonePairEvent{Event: "paired", Addresses: []string{}, Phone: p.Name, Key: p.Key.String()})
			return
		}
		a.sayf("Paired with %s. The phone asks whether this says so: it does.\n", a.err.Name.Render(p.Name))
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.emit(phonePairEvent{Event: "confirmed", Addresses: []string{}, Phone: p.Name, Key: p.Key.String()})
	}
	a.printf("%s is a reader now: --reader %q\n", a.out.Name.Render(p.Name), visible.Text("phone:"+p.Name))
	return a.sayNamesakes(book, p)
}

// listenToPair listens where phones are waited for, or at a free port while another
// program does that. An address that can be listened at is kept, if it is a new one.
func (a *app) listenToPair(book *phone.Book, listen string) (s *phone.Server, err error) {
	isNew := listen != "" && listen != book.Listen()
	if isNew {
		err = canListen(listen)
	}
	if err == nil && isNew {
		err = book.SetListen(listen)
	}
	if err == nil {
		s, err = phone.Listen(book, &phone.ServerConfig{Logger: a.log})
	}
	if place.InUse(err) {
		host, _, _ := net.SplitHostPort(book.Listen())
		s, err = phone.Listen(book, &phone.ServerConfig{Logger: a.log, Elsewhere: true, Listen: net.JoinHostPort(host, "0")})
	}
	switch {
	case err == nil:
		return s, nil
	case inUse(err):
		return nil, advise(withCode(exitNoCard, err), "Another program has that port. desfire phone pair --listen :PORT takes another one; phones that are paired already have to be told or paired anew.")
	case errors.As(err, new(*net.OpError)):
		return nil, advise(withCode(exitInput, err), "An address of this computer? desfire phone pair --listen :PORT is all of them.")
	}
	return nil, withCode(exitInput, err)
}

// canListen reports why nobody could listen at an address.
func canListen(address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen for phones: %w", err)
	}
	return l.Close()
}

func (a *app) sayAddresses(all []string) error {
	if a.json {
		return a.emit(phonePairEvent{Event: "listening", Addresses: all})
	}
	a.sayf("Begin at the phone, with one of these addresses of this computer:\n")
	for _, address := range all {
		a.printf("  %s\n", a.out.Name.Render(address))
	}
	return nil
}

// sayNamesakes tells of a phone that had that name already.
func (a *app) sayNamesakes(book *phone.Book, p phone.Phone) error {
	all, err := book.Phones()
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Key != p.Key && len(p.Name) > len(o.Name) && p.Name[:len(o.Name)] == o.Name {
			a.sayf("Another phone is called %s, paired on %s. If that is the same one, take its old credential away: desfire phone revoke %q\n",
				a.err.Name.Render(o.Name), o.Paired.Local().Format(time.DateOnly), visible.Text(o.Name))
		}
	}
	return nil
}
