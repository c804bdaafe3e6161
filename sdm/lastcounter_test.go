package sdm

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
)

// The last counter of all: it passes once, and nothing after it.
func TestLastCounter(t *testing.T) {
	ctx := context.Background()
	uid := []byte{4, 1, 2, 3, 4, 5, 6}
	for _, r := range []Replay{&Counters{}, &CounterFile{Path: filepath.Join(t.TempDir(), "seen.json")}} {
		tp, text, v := tagShows(t, "https://x.example/t?p={picc}&m={mac}", false, MaxCounter)
		v.Replay = r
		read, err := tp.Find(text)
		if err != nil {
			t.Fatal(err)
		}
		if tag, _, err := v.VerifyReading(ctx, read); err != nil || tag.Counter != MaxCounter {
			t.Errorf("%T: %v, %v", r, tag, err)
		}
		if _, _, err := v.VerifyReading(ctx, read); !errors.Is(err, ErrReplay) {
			t.Errorf("%T: again: %v", r, err)
		}
		_, older, _ := tagShows(t, "https://x.example/t?p={picc}&m={mac}", false, 1)
		if read, err = tp.Find(older); err != nil {
			t.Fatal(err)
		}
		if _, _, err := v.VerifyReading(ctx, read); !errors.Is(err, ErrReplay) {
			t.Errorf("%T: counter 1 after the last: %v", r, err)
		}
		if err := r.Use(ctx, uid, 0); err != nil {
			t.Errorf("%T: another card at 0: %v", r, err)
		}
	}
}
