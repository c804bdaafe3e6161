package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/go-desfire/desfire/internal/keytext"
	"github.com/go-desfire/desfire/web"
	"github.com/spf13/cobra"
)

// remote is how others are let in; nil if they are not.
func (f *webFlags) remote(a *app, cmd *cobra.Command) (*web.Remote, *tls.Config, error) {
	var missing []string
	for _, name := range []string{"tls-cert", "tls-key", "password-file"} {
		if cmd.Flag(name).Value.String() == "" {
			missing = append(missing, "--"+name)
		}
	}
	switch {
	case len(missing) == 3 && len(f.hosts) == 0:
		return nil, nil, nil
	case len(missing) > 0:
		return nil, nil, &usageError{cmd, fmt.Errorf("%s missing: others are let in with --tls-cert, --tls-key and --password-file", strings.Join(missing, " and "))}
	case f.listen == "":
		return nil, nil, &usageError{cmd, errors.New("--listen missing: say at which address others reach the page, as :8443 or 192.0.2.7:8443")}
	}
	pair, err := tls.LoadX509KeyPair(f.cert, f.certKey)
	if err != nil {
		return nil, nil, withCode(exitInput, fmt.Errorf("the certificate %s with the key %s: %w", f.cert, f.certKey, err))
	}
	hosts := f.hosts
	if len(hosts) == 0 {
		hosts = hostsOf(&pair)
	}
	if len(hosts) == 0 {
		return nil, nil, &usageError{cmd, errors.New("--host missing: the certificate names no host by which browsers could reach the page")}
	}
	password, err := a.webPassword(cmd.Context(), f.passwordFile)
	if err != nil {
		return nil, nil, err
	}
	return &web.Remote{Hosts: hosts, Password: password}, &tls.Config{Certificates: []tls.Certificate{pair}}, nil
}

// hostsOf are the names and addresses that a certificate is for.
func hostsOf(c *tls.Certificate) (hosts []string) {
	if c.Leaf == nil {
		return nil
	}
	for _, name := range c.Leaf.DNSNames {
		if !strings.HasPrefix(name, "*") {
			hosts = append(hosts, name)
		}
	}
	for _, ip := range c.Leaf.IPAddresses {
		hosts = append(hosts, ip.String())
	}
	return hosts
}

// webPassword reads the file with the password, of which the page gets the hash only.
func (a *app) webPassword(ctx context.Context, path string) (string, error) {
	text, info, err := keytext.ReadFile(ctx, path, keytext.MaxFile)
	if err != nil {
		return "", withCode(exitInput, err)
	}
	defer clear(text)
	if access, ok := keytext.AccessOf(info); ok && (access.Read || access.Write) {
		a.log.Warn(fmt.Sprintf("others can read or write %s, which has the password of the page: chmod 600", path))
	}
	line, rest, _ := bytes.Cut(text, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(bytes.TrimSpace(rest)) > 0 {
		return "", withCode(exitInput, fmt.Errorf("%s has more than one line: want the password alone", path))
	}
	hash, err := web.HashPassword(string(line))
	if err != nil {
		return "", withCode(exitInput, fmt.Errorf("the password in %s: %w", path, err))
	}
	return hash, nil
}

// loopback reports whether only this computer reaches a host.
func loopback(ctx context.Context, host string) (bool, error) {
	if host == "" {
		return true, nil // tcp.Listen takes the loopback interface
	}
	list, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return false, err
	}
	return !slices.ContainsFunc(list, func(a net.IPAddr) bool { return !a.IP.IsLoopback() }), nil
}
