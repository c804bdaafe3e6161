// Command make builds a release from the commit that is checked out: make dist.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/go-desfire/desfire/internal/dist"
)

func main() {
	conf := dist.Config{Log: os.Stderr}
	flag.StringVar(&conf.Repository, "repository", ".", "`folder` whose commit is built")
	flag.StringVar(&conf.Out, "out", "dist", "`folder` to write to")
	flag.Func("system", "`os/arch` to build for; may be given again (default all)", func(v string) error {
		for _, s := range dist.Systems {
			if s.String() == v {
				conf.Systems = append(conf.Systems, s)
				return nil
			}
		}
		return fmt.Errorf("want one of %v", dist.Systems)
	})
	flag.Parse()
	if flag.NArg() > 0 {
		fail(fmt.Errorf("%q is no flag", flag.Arg(0)))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	names, err := dist.Make(ctx, conf)
	if err != nil {
		fail(err)
	}
	for _, name := range names {
		if info, err := os.Stat(filepath.Join(conf.Out, name)); err == nil {
			fmt.Printf("%10d  %s\n", info.Size(), name)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "dist:", strings.TrimSpace(err.Error()))
	os.Exit(1)
}
