package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/go-desfire/desfire/keystore"
	"github.com/go-desfire/desfire/play"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/web"
	"github.com/spf13/cobra"
)

// webFlags are the flags of web.
type webFlags struct {
	listen                      string
	noBrowser                   bool
	cert, certKey, passwordFile string
	hosts                       []string
	journal, keyJournal         string
}

// webAddress is where web listens if nothing else is said, unless the port is taken.
const webAddress = "127.0.0.1:7341"

func (a *app) webCommand() *cobra.Command {
	var f webFlags
	cmd := &cobra.Command{
		Use:   "web",
		Short: "Show cards and work with them on a page in the browser",
		Long: `Serve a page until Ctrl-C, and open it in the browser: what lies on the readers, what
is on a card, what is being said, and what can be done with it. Without a reader
there is a simulated card to play with.

The address that is printed works once, and for a minute: who has it first has
the page. Enter prints a new one, for another browser. The browser is started with
it, so that other users of this computer may see it for a moment; --no-browser
leaves it to you.

Keys stay in this program; the page has their names. What a purse does is written
into the journal of desfire purse, and changes of keys into that of desfire key.
Where another program has one of them, the page says so and does without.

The page is for this computer only, at port 7341 or, if that is taken, a free one.
To let others in, --listen where they reach it, with --tls-cert, --tls-key and
--password-file: then browsers ask for that password, and no address has a code.`,
		Args: wants(),
		Example: `  desfire web
  desfire web --keys keys.yaml --listen 127.0.0.1:8000 --no-browser
  desfire web --reader sim:badge.json`,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.web(cmd, &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.listen, "listen", "", "`HOST:PORT` to listen at (default "+webAddress+", or a free port)")
	flags.BoolVar(&f.noBrowser, "no-browser", false, "open no browser: only print the address")
	flags.StringVar(&f.cert, "tls-cert", "", "`FILE` of the certificate, to let others in")
	flags.StringVar(&f.certKey, "tls-key", "", "`FILE` of its key")
	flags.StringVar(&f.passwordFile, "password-file", "", "`FILE` with the password that others are asked for")
	flags.StringArrayVar(&f.hosts, "host", nil, "`NAME` by which others reach the page (default those of the certificate)")
	journalFlag(cmd, &f.journal)
	flags.StringVar(&f.keyJournal, "key-journal", "", "`FILE` of the journal of key changes (default as desfire key journal)")
	for _, name := range []string{"tls-cert", "tls-key", "password-file", "key-journal"} {
		_ = cmd.MarkFlagFilename(name)
	}
	return cmd
}

// webEvent is a line of web --json.
type webEvent struct {
	Event   string `json:"event"` // address
	Address string `json:"address"`
	Once    bool   `json:"once"` // it works once, and for a minute
}

// web serves the page until Ctrl-C.
func (a *app) web(cmd *cobra.Command, f *webFlags) error {
	remote, secure, err := f.remote(a, cmd)
	if err != nil {
		return err
	}
	pl, err := a.places(cmd)
	if err != nil {
		return err
	}
	latency := sim.ReaderLatency(424)
	bench, err := play.New(&play.Config{Latency: &latency})
	if err != nil {
		return err
	}
	conf := web.Config{Remote: remote, Play: bench, Source: tappedSource{pl, a}, Place: pl.Name, Logger: a.log}
	a.webKeys(&conf)
	done, err := a.webJournals(cmd, f, &conf)
	if err != nil {
		return err
	}
	defer done()
	l, err := f.open(cmd, remote != nil)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // Serve has closed it, if it came to that
	s, err := web.New(conf)
	if err != nil {
		return err
	}
	a.ask = func(context.Context, string) ([]byte, error) { return nil, keystore.ErrLocked } // Enter is a new address
	ctx, cancel := a.endless(cmd.Context())
	defer cancel()
	w := &webServer{app: a, page: s, at: l.Addr().String()}
	if remote != nil {
		_, port, _ := net.SplitHostPort(w.at)
		w.secure, w.at = true, net.JoinHostPort(remote.Hosts[0], port)
		l = tls.NewListener(l, secure)
	}
	return w.serve(ctx, s.HTTP(), l, !f.noBrowser)
}

// webServer is the page while it is served.
type webServer struct {
	*app
	page   *web.Server
	at     string // host and port, as browsers have them
	secure bool   // others are let in
}

// webClosing is how long answers under way have to end.
const webClosing = 2 * time.Second

// serve serves until ctx ends, which is no error, or something fails.
func (w *webServer) serve(ctx context.Context, hs *http.Server, l net.Listener, browse bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	running.Go(func() {
		if err := hs.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			cancel(err)
		}
	})
	running.Go(func() {
		if err := w.page.Run(ctx); err != nil {
			cancel(err)
		}
	})
	if err := w.say(browse); err != nil {
		cancel(err)
	}
	if !w.secure {
		go w.again(ctx)
	}
	<-ctx.Done()
	_ = w.page.Close()
	end, stop := context.WithTimeout(context.WithoutCancel(ctx), webClosing)
	defer stop()
	if hs.Shutdown(end) != nil {
		_ = hs.Close()
	}
	running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// say prints a new address, and opens it.
func (w *webServer) say(browse bool) error {
	e := webEvent{"address", "https://" + w.at + "/", false}
	hint := "Ctrl-C ends."
	if !w.secure {
		e = webEvent{"address", "http://" + w.at + "/?code=" + w.page.Code(), true}
		hint = "It works once, and for a minute: Enter prints a new one. Ctrl-C ends."
	}
	if w.json {
		if err := w.emit(e); err != nil {
			return err
		}
	} else {
		w.printf("%s\n", w.out.Name.Render(e.Address))
	}
	if browse {
		switch err := openBrowser(e.Address, w.noBrowser); {
		case errors.Is(err, errNoDisplay):
		case err != nil:
			w.noBrowser(err)
		default:
			hint = "It is being opened in the browser. " + hint
		}
	}
	if !w.json {
		w.sayf("%s\n", w.err.Dim.Render(hint))
	}
	return nil
}

// noBrowser says that the browser did not start.
func (w *webServer) noBrowser(err error) {
	w.log.Warn("no browser could be started: open the address yourself", "err", text(err))
}

// again prints a new address for each line on standard input.
func (w *webServer) again(ctx context.Context) {
	for in := bufio.NewScanner(w.stdin); in.Scan() && ctx.Err() == nil; {
		if w.say(false) != nil {
			return
		}
	}
}
