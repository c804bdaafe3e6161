package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/go-desfire/desfire"
	"github.com/go-desfire/desfire/purse"
	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/wire"
)

// A job that is stopped while its card is away says what is not known of it, and one that
// goes on first finds that out.
func TestDoStoppedInDoubt(t *testing.T) {
	for _, back := range []bool{false, true} {
		d := openDo(t, doKeys(-1, 0, 1, 3))
		ask := d.upload("write", nil, "app", "F48121", "file", "1", "as", "text", "content", "0123456789")
		d.idle()
		d.air.set(func(x *sim.Exchange) ([]byte, error) {
			if x.INS != wire.InsCommitTransaction {
				return x.Pass()
			}
			defer d.field.Lift()
			return x.PassWith(sim.Fault{Kind: sim.LoseAnswer})
		})
		action, pairs := d.ask(ask, "")
		_, body := d.do("POST", "/do/"+action, doForm(pairs...))
		j := d.server.jobs.find(doJobID.FindStringSubmatch(body)[1])
		wait(t, "the card is away", func() bool { return j.view().State == jobLost })
		d.air.set(nil)
		if back {
			must(t, d.field.Return())
			<-j.ended
			d.says(d.get("/v/job?id="+j.id), "they were written before the card left")
			d.leave()
			continue
		}
		status, body := d.do("POST", "/do/stop", doForm("id", j.id))
		if d.says(body, "Stopped", "Whether CommitTransaction happened is not known"); status != http.StatusOK {
			t.Error(status)
		}
		if v := j.view(); v.State != jobStopped || !errors.As(v.Err, new(*desfire.OutcomeUnknownError)) || d.holds(1, 32)[:10] != "0123456789" {
			t.Errorf("%s, %v", v.State, v.Err)
		}
		d.leave()
	}
}

// A journal that could not be written takes no more until it is opened anew, and a person is
// told so.
func TestPurseJournalFull(t *testing.T) {
	full := errors.New("no space left on device")
	err := showChange(&job{}, nil, &purse.JournalError{Err: full}, false)
	if !errors.Is(err, full) || !strings.Contains(err.Error(), "begin the page again") {
		t.Error(err)
	}
}
