package web_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"

	"github.com/go-desfire/desfire/sim"
	"github.com/go-desfire/desfire/simreader"
	"github.com/go-desfire/desfire/web"
)

// A program shows its cards on a page of its own. The page needs a port, or a host
// name, that nothing else has.
func Example() {
	card, err := sim.New(nil)
	if err != nil {
		panic(err)
	}
	page, err := web.New(web.Config{Source: simreader.New("desk", card), Place: "the reader on the desk"})
	if err != nil {
		panic(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") // this computer only
	if err != nil {
		panic(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := page.HTTP()
	ended := make(chan error, 2)
	go func() { ended <- page.Run(ctx) }()
	go func() { ended <- server.Serve(listener) }()

	// Show it to the person at this computer, and to nobody else.
	address := fmt.Sprintf("http://%s/?code=%s", listener.Addr(), page.Code())
	fmt.Println(len(address) > 50)

	// When the program ends: streams and sessions first, then the server.
	cancel()
	_ = page.Close()
	_ = server.Shutdown(context.Background())
	for range 2 {
		if err := <-ended; err != nil && !errors.Is(err, http.ErrServerClosed) {
			fmt.Println(err)
		}
	}
	// Output: true
}

// People at other computers log in with a password, over TLS.
func ExampleRemote() {
	hash, err := web.HashPassword("correct horse battery staple") // once; keep the hash
	if err != nil {
		panic(err)
	}
	page, err := web.New(web.Config{Remote: &web.Remote{Hosts: []string{"cards.example.org"}, Password: hash}})
	if err != nil {
		panic(err)
	}
	defer page.Close()
	fmt.Printf("codes for others: %q\n", page.Code())
	// page.HTTP().ListenAndServeTLS("cert.pem", "key.pem")

	// Output: codes for others: ""
}
