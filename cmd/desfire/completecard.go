package main

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/inspect"
	"github.com/go-desfire/desfire/internal/visible"
	"github.com/go-desfire/desfire/pcsc"
	"github.com/go-desfire/desfire/place"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/tcp"
	"github.com/go-desfire/desfire/wellknown"
	"github.com/go-desfire/desfire/wire"
	"github.com/spf13/cobra"
)

// Completion looks at the card, which everybody may: it uses no key, changes
// nothing, and leaves a card alone that another program uses.

const (
	glanceTime = 300 * time.Millisecond
	// A server takes its card from a client that has been idle for long once
	// another has waited for a fifth of a second.
	glanceServed = 150 * time.Millisecond
)

// glanceSchemes are those of --reader for completion: a reader is not shared with
// another program, and of a card image a copy is looked at.
func glanceSchemes(log *slog.Logger) place.Schemes {
	return place.Schemes{
		pcsc.Scheme(&pcsc.Config{Logger: log, Share: pcsc.ShareExclusive}),
		tcp.Scheme(nil),
		simreader.Scheme(func(file string) (*sim.Card, error) {
			if file == "" {
				return sim.New(nil)
			}
			image, err := sim.File(file).Load()
			if err != nil {
				return nil, err
			}
			store := sim.Memory()
			if err := store.Save(image); err != nil {
				return nil, err
			}
			return sim.New(&sim.Config{Store: store})
		}),
	}
}

// glance collects what f sends, in the time that somebody waits for a completion
// without noticing.
func (a *app) glance(cmd *cobra.Command, spec string, f func(ctx context.Context, p *place.Place, send func(cobra.Completion))) (out []cobra.Completion) {
	limit := glanceTime
	if strings.HasPrefix(spec, "tcp:") {
		limit = glanceServed
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), limit)
	defer cancel()
	found := make(chan cobra.Completion)
	go func() {
		defer close(found)
		p, err := a.glancePlace(cmd, spec)
		if err != nil {
			return
		}
		f(ctx, p, func(c cobra.Completion) {
			select {
			case found <- c:
			case <-ctx.Done():
			}
		})
	}()
	for {
		select {
		case c, ok := <-found:
			if !ok {
				return out
			}
			out = append(out, c)
		case <-ctx.Done():
			return out
		}
	}
}

// glancePlace is where cards are looked at. In a shell a card that is only in
// memory is that of the shell.
func (a *app) glancePlace(cmd *cobra.Command, spec string) (*place.Place, error) {
	if a.shell != nil && spec == "sim:" {
		return a.shell.place(a, cmd)
	}
	return place.Parse(spec, glanceSchemes(slog.New(slog.DiscardHandler)))
}

// glanceCard is glance at the card that the verb would work with.
func (a *app) glanceCard(cmd *cobra.Command, f func(ctx context.Context, card *desfire.Card, send func(cobra.Completion))) []cobra.Completion {
	if a.readUID(cmd) != nil {
		return nil
	}
	return a.glance(cmd, a.reader, func(ctx context.Context, p *place.Place, send func(cobra.Completion)) {
		wait := &place.Wait{Alone: true}
		if a.uid != "" {
			wait.Identify = a.identify
		}
		t, _, err := p.Open(ctx, wait)
		if err != nil {
			return
		}
		defer closeTransport(t)
		if card, err := desfire.Connect(ctx, t, &desfire.Config{Logger: slog.New(slog.DiscardHandler)}); err == nil {
			f(ctx, card, send)
		}
	})
}

// completeTarget completes APP where a file follows: APP, or APP/FILE.
func (a *app) completeTarget(cmd *cobra.Command, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	app, file, ok := strings.Cut(strings.TrimPrefix(typed, "/"), "/")
	if !ok {
		return a.completePlace(cmd, typed, false)
	}
	return a.completeFile(cmd, app, typed[:len(typed)-len(file)], typed)
}

// completePlace completes APP: the applications of the card, and what else names
// a place. level says that the card itself is one here.
func (a *app) completePlace(cmd *cobra.Command, typed string, level bool) ([]cobra.Completion, cobra.ShellCompDirective) {
	slash := ""
	if strings.HasPrefix(typed, "/") {
		slash = "/"
	}
	word := strings.TrimPrefix(typed, "/")
	fixed := false
	all := a.glanceCard(cmd, func(ctx context.Context, card *desfire.Card, send func(cobra.Completion)) {
		if card.Generation().FixedName() != nil {
			fixed = true
			send("app\tthe application of this " + card.Generation().String())
			return
		}
		aids, err := card.Applications(ctx)
		if err != nil {
			return
		}
		for _, aid := range aids {
			c := aid.String()
			if e, ok := wellknown.Name(aid); ok {
				c += "\t" + e.String()
			}
			send(c)
		}
	})
	if level && !fixed {
		all = append(all, "card\tthe card itself")
	}
	if len(all) == 0 || len(all) == 1 && level {
		all = append(all, "app\tthe one application of a DESFire Light or NTAG 424 DNA")
	}
	if a.shell != nil {
		all = append(all, a.shell.ring.places()...)
	}
	if len(word) > 1 {
		for _, e := range wellknown.Find(word) {
			if len(wellknown.Find(e.Name)) == 1 {
				all = append(all, e.Name+"\t"+e.AID.String())
			}
		}
	}
	var out []cobra.Completion
	for _, c := range all {
		name, what, _ := strings.Cut(c, "\t")
		if len(name) >= len(word) && strings.EqualFold(name[:len(word)], word) {
			out = append(out, candidate(slash+word+name[len(word):], what))
		}
	}
	slices.SortStableFunc(out, func(x, y string) int { return strings.Compare(nameOf(x), nameOf(y)) })
	return slices.CompactFunc(out, func(x, y string) bool { return nameOf(x) == nameOf(y) }), cobra.ShellCompDirectiveNoFileComp
}

// nameOf is a candidate without what is said of it.
func nameOf(c cobra.Completion) string {
	name, _, _ := strings.Cut(c, "\t")
	return name
}

// candidate is a candidate with what is said of it.
func candidate(name, what string) cobra.Completion {
	if what == "" {
		return name
	}
	return name + "\t" + what
}

// completeFile completes the number of a file of an application; before stands in
// front of it.
func (a *app) completeFile(cmd *cobra.Command, app, before, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	p, err := parseApp(cmd, app)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := a.glanceCard(cmd, func(ctx context.Context, card *desfire.Card, send func(cobra.Completion)) {
		if card.Select(ctx, p) != nil {
			return
		}
		files, err := card.Files(ctx)
		probed := err != nil && card.Generation().FixedName() != nil // an NTAG 424 DNA has no list
		if probed {
			for no := range wire.FileNo(maxFile + 1) {
				files = append(files, no)
			}
		}
		for _, no := range files {
			name := fmt.Sprintf("%s%d", before, no)
			if !strings.HasPrefix(name, typed) {
				continue
			}
			fs, err := card.FileSettings(ctx, no)
			switch {
			case err != nil && !probed:
				send(name)
				continue
			case err != nil:
				continue
			}
			f := inspect.NewFile(no, fs)
			what := f.Type
			if size := f.SizeWords(); size != "" {
				what += ", " + size
			}
			send(candidate(name, what))
		}
	})
	return all, cobra.ShellCompDirectiveNoFileComp
}

// completeKeyNo completes the number of a key of a place, with its version, which
// cards tell everybody.
func (a *app) completeKeyNo(cmd *cobra.Command, app, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	p, err := parsePlace(cmd, app)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	all := a.glanceCard(cmd, func(ctx context.Context, card *desfire.Card, send func(cobra.Completion)) {
		if card.Select(ctx, p) != nil {
			return
		}
		for no := range wire.KeyNo(maxKey + 1) {
			version, err := card.KeyVersion(ctx, no)
			if err != nil {
				return
			}
			send(fmt.Sprintf("%d\tversion %02X", no, version))
			if p.IsCard() {
				return
			}
		}
	})
	return slices.DeleteFunc(all, func(c string) bool { return !strings.HasPrefix(c, typed) }), cobra.ShellCompDirectiveNoFileComp
}

// completeUID completes --uid with the cards that lie there.
func (a *app) completeUID(cmd *cobra.Command, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	all := a.glance(cmd, a.reader, func(ctx context.Context, p *place.Place, send func(cobra.Completion)) {
		readers, err := p.Readers(ctx)
		cards := 0
		for _, r := range readers {
			if r.Card && r.Ignored == "" {
				cards++
			}
		}
		if err != nil || cards == 0 {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		_, _, _ = p.Open(ctx, &place.Wait{Identify: func(ctx context.Context, t desfire.Transport, reader string) (string, bool, error) {
			card, err := desfire.Connect(ctx, t, &desfire.Config{Logger: slog.New(slog.DiscardHandler)})
			if err == nil && len(card.UID()) > 0 {
				if uid := fmt.Sprintf("%X", card.UID()); strings.HasPrefix(uid, strings.ToUpper(typed)) {
					send(visible.Text(typed+uid[len(typed):]) + "\t" + visible.Text(cardOfCard(card).Product+" on "+reader))
				}
			}
			if cards--; cards <= 0 {
				cancel()
			}
			return "", false, err
		}})
	})
	return all, cobra.ShellCompDirectiveNoFileComp
}
