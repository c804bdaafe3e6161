package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// otherWords are what people look for here who know other tools, or other
// commands of the card, and the verbs that do it.
var otherWords = map[string]string{
	"aids": "ls", "apps": "ls", "applications": "ls", "files": "ls", "lsapp": "ls", "lsfiles": "ls", "list": "ls", "tree": "ls", "getappids": "ls", "getaids": "ls", "getappnames": "ls", "getdfnames": "ls", "getfileids": "ls", "mad": "ls", "dir": "ls", "view": "dump show or ls", "show": "info or ls",
	"cat": "read", "get": "read or value get", "getdata": "read", "readdata": "read", "readfile": "read", "save": "dump", "backup": "dump", "clone": "dump or restore", "copy": "dump or restore", "load": "restore", "import": "layout import", "diff": "dump diff or layout diff", "compare": "dump diff or layout diff",
	"put": "write", "set": "write", "writedata": "write", "writefile": "write", "update": "record update or write",
	"erase": "format or wipe", "formatpicc": "format", "reset": "format",
	"records": "record read", "append": "record append", "read_record": "record read", "get_record": "record read", "readrecords": "record read", "clearrecfile": "file clear", "clear": "file clear", "clearrecords": "file clear", "update_record": "record update",
	"debit": "value debit", "credit": "value credit", "limited-credit": "value limited-credit", "limitedcredit": "value limited-credit", "balance": "value get", "getvalue": "value get", "pay": "value debit",
	"mkdir": "app create", "createapp": "app create", "createapplication": "app create", "application": "app", "selectapp": "app info", "cd": "app info", "select": "app info", "rm": "app delete or file delete", "rmdir": "app delete", "deleteapp": "app delete", "deleteapplication": "app delete", "delete": "app delete or file delete", "create": "app create or file create", "createdelegateapp": "delegated create", "dam": "delegated", "install": "app create",
	"createfile": "file create", "createvaluefile": "file create value", "createrecordfile": "file create", "createmacfile": "file create transaction-mac", "deletefile": "file delete", "getfilesettings": "file info", "getfs": "file info", "stat": "file info", "chfilesettings": "file settings", "changefs": "file settings", "changefilesettings": "file settings", "chmod": "file settings", "rights": "file settings",
	"getuid": "uid", "getcarduid": "uid", "carduid": "uid", "serial": "uid", "freemem": "free", "freememory": "free", "memory": "free", "getversion": "info", "card": "info", "status": "info",
	"chk": "key find or auth check", "check": "auth check", "detect": "auth diagnose or key find", "authenticate": "auth check", "login": "auth check", "diagnose": "auth diagnose", "changekey": "key change", "chkey": "key change", "changekeysettings": "key settings", "getkeysettings": "key settings", "getkeyversions": "key version", "getkeyversion": "key version", "keygen": "key new", "generate": "key new", "journal": "key journal",
	"divers": "kdf", "diversify": "kdf", "diversification": "kdf", "derive": "kdf", "an10922": "kdf",
	"script": "shell", "run": "each", "repl": "shell", "console": "shell", "prompt": "shell", "foreach": "each", "batch": "issue or shell", "raw": "apdu", "send": "apdu", "transmit": "apdu", "loop": "drain", "monitor": "watch", "events": "watch", "wait": "watch", "reader": "readers",
	"sun": "sdm", "ntag424": "sdm or ndef", "url": "ndef write", "ndefread": "ndef read", "ndefwrite": "ndef write", "ndefformat": "ndef format", "verify": "layout verify, sdm verify, tmac verify or trace verify", "signature": "originality", "originalsig": "originality",
	"emulate": "sim serve", "serve": "sim serve", "simulate": "sim", "new": "sim new or key new", "decode": "trace show", "log": "trace", "test": "selftest", "proximity": "selftest",
	"layouts": "layout", "lint": "layout lint", "schema": "layout schema", "profile": "layout", "plan": "layout plan", "apply": "layout apply", "perso": "layout apply or issue", "personalize": "layout apply or issue", "personalise": "layout apply or issue", "produce": "issue",
	"topics": "help", "man": "help", "usage": "help", "autocomplete": "completion", "completions": "completion", "exit": "help exit-codes",
}

// subcommand rejects what is not a verb of a command that only groups others.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	text := fmt.Sprintf("unknown command %q for %q", args[0], cmd.CommandPath())
	if s := suggestions(cmd, args[0]); s != "" {
		text += ": did you mean " + s + "?"
	}
	return &usageError{cmd, errors.New(text)}
}

// suggestions are verbs that may be meant by a word.
func suggestions(cmd *cobra.Command, word string) string {
	if s := otherWords[strings.ToLower(word)]; s != "" && !cmd.HasParent() {
		return s
	}
	close := cmd.SuggestionsFor(word)
	if !cmd.HasParent() || len(close) > 0 {
		return strings.Join(close, " or ")
	}
	// The verb of another group: "desfire key debit".
	var found []string
	for _, group := range cmd.Root().Commands() {
		for _, c := range group.Commands() {
			if c.Name() == word && !slices.Contains(found, verbOf(c)) {
				found = append(found, verbOf(c))
			}
		}
	}
	return strings.Join(found, " or ")
}
