package fleet

import (
	"fmt"
	"os"
	"os/signal"

	"github.com/nats-io/nats-server/v2/server"
)

// natsNode is the role "nats": a NATS server by a configuration file, until a signal.
func natsNode(args []string) error {
	opts, err := server.ProcessConfigFile(args[0])
	if err != nil {
		return err
	}
	opts.NoSigs = true
	s, err := server.NewServer(opts)
	if err != nil {
		return err
	}
	s.ConfigureLogger()
	go s.Start()
	if !s.ReadyForConnections(wait) {
		return fmt.Errorf("not ready after %v", wait)
	}
	fmt.Println("ready")
	interrupt := make(chan os.Signal, 1)
	signal.Notify(interrupt, os.Interrupt)
	<-interrupt
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}
