package web

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-desfire/desfire/play"
)

// gone asks until the fragment does not hold words.
func (c *client) gone(path, words string) {
	c.Helper()
	for end := time.Now().Add(patience); strings.Contains(c.get(path), words); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			c.Fatalf("GET %s still has %q: %s", path, words, c.get("/v/play-told")+c.get("/v/play-try"))
		}
	}
}

// TestPlayValue pays with the simulated card by the page's own requests, and compares
// with what the card holds.
func TestPlayValue(t *testing.T) {
	bench, err := play.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := open(t, Config{Play: bench, Logger: slog.New(slog.NewTextHandler(t.Output(), nil))})
	c.until("/v/rail", "DESFire EV3")
	content, _ := play.Find("transit")
	holds := func(want int32) {
		t.Helper()
		h := bench.Holds()
		if v, ok := h.Value(content.Purse.Place, content.Purse.File); !ok || v != want {
			t.Errorf("the card holds %d, %v, want %d", v, ok, want)
		}
	}
	do := func(name, form string, want int) string {
		t.Helper()
		if want == 200 && name == "value" {
			c.gone("/v/play-try", "Stop") // what was told is told before the job ends
		}
		status, body := c.do("POST", "/do/play-"+name, form)
		if status != want {
			t.Fatalf("%s %s: %d %s", name, form, status, body)
		}
		return body
	}
	do("value", "do=read", 200)
	c.until("/v/play-told", "It was read in a session")
	do("value", "do=pay&amount=250", 200)
	c.until("/v/play-told", ">4750<")
	holds(4750)
	for form, words := range map[string]string{
		"do=pay&amount=": "whole number", "do=pay&amount=0": "whole number", "do=pay&amount=-1": "whole number", "do=pay&amount=99999999999": "whole number",
		"do=steal&amount=1": "read, pay or load", "": "read, pay or load",
	} {
		if body := do("value", form, 409); !strings.Contains(body, words) {
			t.Errorf("%s: %s", form, body)
		}
	}
	do("tear", "when=after", 200)
	do("value", "do=load&amount=1000", 200)
	c.until("/v/play-told", "doubtful")
	c.until("/v/play-try", "waiting for the card to come back")
	holds(5750)
	if body := do("value", "do=pay&amount=1", 409); !strings.Contains(body, "Load 1000") {
		t.Errorf("a second job: %s", body)
	}
	do("return", "", 200)
	c.until("/v/play-told", ">5750<")
	holds(5750)
	if body := do("faults", "faults=nonsense", 409); !strings.Contains(body, "nonsense") {
		t.Error(body)
	}
	if body := do("faults", "faults=lose-answer%40C7%2Ctimes%3D2", 200); !strings.Contains(body, `value="lose-answer@C7,times=2"`) {
		t.Error(body)
	}
	for n := int32(1); n <= 5; n++ { // whatever is lost, each is paid once
		do("value", "do=pay&amount=10", 200)
		c.gone("/v/play-try", "Stop")
		holds(5750 - 10*n)
	}
	do("faults", "faults=", 200)
	for form, words := range map[string]string{
		"kind=EV3/8192&content=nonsense": "not known", "kind=EV9/8192&content=empty": "choose one", "kind=EV3&content=empty": "choose one",
		"kind=D40/4096&content=transit": "is for DESFire EV2, DESFire EV3, and not for DESFire (D40)", "kind=EV3/7&content=empty": "7 bytes",
	} {
		if body := do("make", form, 409); !strings.Contains(body, words) {
			t.Errorf("%s: %s", form, body)
		}
	}
	if body := do("tear", "when=sometimes", 409); !strings.Contains(body, "sometimes") {
		t.Error(body)
	}
	do("make", "kind=D40/4096&content=visitor", 200)
	if body := do("value", "do=read", 409); !strings.Contains(body, "no purse") {
		t.Error(body)
	}
}
