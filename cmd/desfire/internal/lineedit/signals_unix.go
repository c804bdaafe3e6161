//go:build unix

package lineedit

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/term"
)

// suspend stops this process and those with it, as Ctrl-Z does elsewhere.
func suspend() { _ = syscall.Kill(0, syscall.SIGTSTP) }

// watch draws the line anew when the terminal has another size, or when this
// process goes on after it was stopped. The result ends it.
func (e *Editor) watch(t *term.Terminal, fd int) (end func()) {
	c, done, ended := make(chan os.Signal, 4), make(chan struct{}), make(chan struct{})
	signal.Notify(c, syscall.SIGWINCH, syscall.SIGCONT)
	go func() {
		defer close(ended)
		for {
			select {
			case s := <-c:
				if s == syscall.SIGCONT {
					e.again(t, fd)
				}
				e.size(t)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(c)
		close(done)
		<-ended
	}
}
