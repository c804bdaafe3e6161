package sdm_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
)

// A web server checks what a phone sends after a tap (numbers of AN12196).
func Example() {
	ctx := context.Background()
	template, err := sdm.ParseTemplate("https://example.com/t?e={picc}&c={mac}", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	zero := key.Zero(key.TypeAES)
	tags := sdm.Verifier{MetaRead: zero, FileRead: zero, Replay: &sdm.Counters{}}

	url := "https://example.com/t?e=EF963FF7828658A599F3041510671E88&c=94EED9EE65337086"
	message, err := template.Match(url)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(tags.Verify(ctx, message))
	_, err = tags.Verify(ctx, message)
	fmt.Println(errors.Is(err, sdm.ErrReplay))
	// Output:
	// UID 04DE5F1EACC040, counter 61 <nil>
	// true
}
