package sdm_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-desfire/desfire/key"
	"github.com/go-desfire/desfire/sdm"
)

// A server gets the URL in another form than the tag showed it.
func ExampleTemplate_Find() {
	ctx := context.Background()
	template, err := sdm.ParseTemplate("https://example.com/t?uid={uid}&ctr={ctr}&m={mac}", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	tags := sdm.Verifier{FileRead: key.Zero(key.TypeAES)}
	reading, err := template.Find("/t?utm_source=mail&m=4b00064004b0b3d3&ctr=000006&uid=041e3c8a2d6b80")
	if err != nil {
		fmt.Println(err)
		return
	}
	tag, covers, err := tags.VerifyReading(ctx, reading)
	fmt.Println(tag, err)
	fmt.Println("covers", covers)
	for _, note := range reading.Notes {
		fmt.Println("-", note)
	}
	// Output:
	// UID 041E3C8A2D6B80, counter 6 <nil>
	// covers UID and counter, and no text
	// - the scheme is missing: https://
	// - the host is missing, and was put in as the template has it: example.com
	// - the parameters behind ? stand in another order, and were put back as the template has them
	// - added on the way, and left out: "utm_source"
	// - digits in lower case were read as the card shows them, in upper case
}

// The template is not known: what the MAC covers is found out.
func ExampleGuess() {
	ctx := context.Background()
	tags := sdm.Verifier{FileRead: key.Zero(key.TypeAES)}
	reading, err := sdm.Guess("https://ntag.nxp.com/424?uid=04C767F2066180&ctr=000001&c=DB7537CE9176EC3C", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	tag, covers, err := tags.VerifyReading(ctx, reading)
	fmt.Println(tag, err)
	fmt.Println(covers.Template)
	fmt.Println("not covered:", covers.Loose)
	// Output:
	// UID 04C767F2066180, counter 1 <nil>
	// https://{from}ntag.nxp.com/424?uid={uid}&ctr={ctr}&c={mac}
	// not covered: https://
}

// The message of a tag whose keys follow from a master key.
func ExampleVerifier_Use() {
	ctx := context.Background()
	// sdm-backend's test has these numbers. Keep a master key in a safe.
	master := []byte("\x47\xBB\xB6\x8A\xFA\x73\xF3\x13\x10\xBE\xEF\xCE\x5D\xDA\x69\x2D\xBA\xD6\x71\xA0\x3F\xEA\xD5\xA9\xBB\xDB\xCF\x3C\xD6\xD4\xC5\x21")
	scheme, err := sdm.NewBackend(master)
	if err != nil {
		fmt.Println(err)
		return
	}
	var tags sdm.Verifier
	if err := tags.Use(ctx, scheme); err != nil {
		fmt.Println(err)
		return
	}
	reading, err := sdm.Guess("?e=4F5B914723915D456C038FE658686CD55CE7DCDEA93F5DA7AAA0AADC97485ABFFFCD8DE82AD05289", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	tag, _, err := tags.VerifyReading(ctx, reading)
	fmt.Printf("%v %q %v\n", tag, tag.File, err)
	// Output:
	// UID 047D5F2AAA6180, counter 2 "CC\x04aaaaEEEEEEEEE" <nil>
}

// A message fails: why?
func ExampleVerifier_Explain() {
	ctx := context.Background()
	other, err := key.NewAES([]byte("some other key.."), 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	tags := sdm.Verifier{FileRead: other}
	reading, err := sdm.Guess("https://x.example/?uid=041E3C8A2D6B80&ctr=000006&mac=4B00064004B0B3D3", false)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _, err = tags.VerifyReading(ctx, reading)
	fmt.Println(errors.Is(err, sdm.ErrMAC))
	for _, cause := range tags.Explain(ctx, reading) {
		fmt.Println(cause.Words)
	}
	// Output:
	// true
	// the MAC is made with a key of zeros: anybody can forge messages of this tag
}
