package main

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/place"
	"github.com/spf13/cobra"
)

// readerFlag is --reader. The last one counts, but for verbs that work at several.
type readerFlag struct {
	last *string
	all  *[]string
}

func (f readerFlag) String() string {
	if f.last == nil {
		return ""
	}
	return *f.last
}

func (f readerFlag) Type() string { return "string" }

func (f readerFlag) Set(s string) error {
	*f.last, *f.all = s, append(*f.all, s)
	return nil
}

// places is place for a verb that works at every reader that --reader names.
func (a *app) places(cmd *cobra.Command) (*place.Place, error) {
	if len(a.readers) < 2 || a.present != nil {
		return a.place(cmd)
	}
	var all severalPlaces
	var names []string
	last := a.reader
	defer func() { a.reader = last }()
	for _, r := range a.readers {
		for _, before := range names {
			if r == before || strings.HasPrefix(r, before+":") || strings.HasPrefix(before, r+":") {
				return nil, &usageError{cmd, fmt.Errorf("--reader %s and --reader %s name the same reader", before, r)}
			}
		}
		a.reader = r
		p, err := a.place(cmd)
		if err != nil {
			return nil, err
		}
		all, names = append(all, p), append(names, r)
	}
	return &place.Place{Source: all, Name: strings.Join(names, ", ")}, nil
}

// severalPlaces are places at which cards are presented at once.
type severalPlaces []*place.Place

// Events are those of all, until one of them fails.
func (s severalPlaces) Events(ctx context.Context) iter.Seq2[desfire.Event, error] {
	type result struct {
		ev  desfire.Event
		err error
	}
	return func(yield func(desfire.Event, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		results := make(chan result)
		var running sync.WaitGroup
		for _, p := range slices.Clone(s) {
			running.Go(func() {
				for ev, err := range p.Events(ctx) {
					if err != nil {
						err = fmt.Errorf("%s: %w", p.Name, err)
					}
					select {
					case results <- result{ev, err}:
					case <-ctx.Done():
						return
					}
				}
			})
		}
		go func() {
			running.Wait()
			close(results)
		}()
		defer running.Wait()
		defer cancel()
		for r := range results {
			if !yield(r.ev, r.err) || r.err != nil {
				return
			}
		}
	}
}
