package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
)

// errNoDisplay says that there is no screen to open a browser on.
var errNoDisplay = errors.New("there is no display")

// openBrowser opens an address in the browser, by the program that the system has for
// that; no shell reads the address. failed is told if that program ends with an error.
func openBrowser(address string, failed func(error)) error {
	argv, err := browserCommand(runtime.GOOS, os.Getenv)
	if err != nil {
		return err
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	cmd := exec.Command(path, append(argv[1:], address)...)
	cmd.SysProcAttr = apart()
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() {
		if err := cmd.Wait(); err != nil {
			failed(err)
		}
	}()
	return nil
}

// browserCommand is the program that opens an address, which is added.
func browserCommand(system string, env func(string) string) ([]string, error) {
	switch system {
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}, nil
	case "darwin":
		return []string{"open"}, nil
	}
	if env("DISPLAY") == "" && env("WAYLAND_DISPLAY") == "" {
		return nil, errNoDisplay
	}
	return []string{"xdg-open"}, nil
}
