package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Global flags stand at the root, so that they may be written before a verb, but
// each verb says which of them act on it: the others are errors there, and help
// does not list them.

// use is a group of global flags that act on a verb.
type use string

const (
	usesCard    use = "card"    // a card on a reader
	usesTrace   use = "trace"   // frames go by; whoever uses a card uses this
	usesSecrets use = "secrets" // it shows or records frames
	usesKeys    use = "keys"    // a session with it
	usesRing    use = "ring"    // keys of a keyring; whoever opens sessions uses this
	usesYes     use = "yes"     // it asks before it changes something
	usesForce   use = "force"   // it refuses what is risky
	usesDry     use = "dry"     // it can tell what it would do
	usesFleet   use = "fleet"   // it is connected to a fleet; whoever uses a card may be
)

// flagUses are the global flags with the uses that they belong to. Those that
// are not here act everywhere.
var flagUses = map[string]use{
	"fleet": usesFleet, "reader": usesCard, "uid": usesCard, "wait": usesCard, "timeout": usesCard, "trace": usesTrace, "trace-keys": usesSecrets,
	"weakest": usesKeys, "key": usesKeys, "auth": usesKeys, "keys": usesRing, "identity": usesRing, "plain": usesKeys,
	"yes": usesYes, "force": usesForce, "dry-run": usesDry,
}

// verbUses says which groups act on which verb. A verb that is not here works
// without a card.
var verbUses = map[string][]use{
	"agent":                {usesCard, usesRing},
	"fleet agents":         {usesFleet},
	"fleet agents token":   {usesFleet},
	"fleet agents revoke":  {usesFleet, usesYes},
	"fleet cards":          {usesFleet},
	"fleet drain":          {usesFleet, usesYes},
	"fleet keys":           {usesFleet},
	"fleet keys change":    {usesFleet, usesYes, usesForce, usesDry},
	"fleet ledger":         {usesFleet},
	"fleet order":          {usesFleet},
	"fleet readers":        {usesFleet},
	"fleet watch":          {usesFleet},
	"apdu":                 {usesCard},
	"app create":           {usesCard, usesKeys, usesForce, usesDry},
	"app delete":           {usesCard, usesKeys, usesYes, usesDry},
	"app info":             {usesCard, usesKeys},
	"auth check":           {usesCard, usesKeys},
	"auth diagnose":        {usesCard, usesKeys},
	"delegated create":     {usesCard, usesKeys, usesDry},
	"delegated delete":     {usesCard, usesKeys, usesYes, usesDry},
	"delegated info":       {usesCard},
	"delegated prepare":    {usesForce},
	"config set":           {usesCard, usesKeys, usesYes, usesForce, usesDry},
	"config show":          {usesCard},
	"demo":                 {usesTrace},
	"doctor":               {usesCard},
	"drain":                {usesCard, usesKeys},
	"dump":                 {usesCard, usesKeys, usesForce},
	"each":                 {usesCard, usesKeys, usesYes, usesForce, usesDry},
	"evidence add":         {usesForce, usesDry},
	"file clear":           {usesCard, usesKeys, usesYes, usesDry},
	"file create":          {usesCard, usesKeys, usesForce, usesDry},
	"file delete":          {usesCard, usesKeys, usesYes, usesDry},
	"file info":            {usesCard, usesKeys},
	"file settings":        {usesCard, usesKeys, usesYes, usesForce, usesDry},
	"format":               {usesCard, usesKeys, usesYes},
	"free":                 {usesCard, usesKeys},
	"info":                 {usesCard, usesKeys},
	"issue":                {usesCard, usesRing, usesYes},
	"layout apply":         {usesCard, usesRing, usesYes, usesForce, usesDry},
	"layout diff":          {usesCard, usesKeys},
	"layout import":        {usesCard, usesKeys, usesForce},
	"layout plan":          {usesCard, usesRing, usesForce},
	"layout verify":        {usesCard, usesRing},
	"key change":           {usesCard, usesRing, usesYes, usesForce, usesDry},
	"key check":            {usesCard, usesKeys},
	"key list":             {usesCard, usesRing},
	"key find":             {usesCard, usesRing},
	"key forget":           {usesYes},
	"key set list":         {usesCard, usesKeys},
	"key set load":         {usesCard, usesKeys, usesDry},
	"key set roll":         {usesCard, usesKeys, usesYes, usesDry},
	"key settings":         {usesCard, usesKeys, usesYes, usesForce, usesDry},
	"key version":          {usesCard, usesKeys},
	"ls":                   {usesCard, usesKeys},
	"ndef erase":           {usesCard, usesKeys, usesForce, usesDry},
	"ndef format":          {usesCard, usesKeys, usesDry},
	"ndef read":            {usesCard, usesKeys, usesForce},
	"ndef write":           {usesCard, usesKeys, usesForce, usesDry},
	"originality":          {usesCard, usesKeys},
	"phone offer":          {usesCard, usesYes},
	"phone revoke":         {usesYes},
	"purse credit":         {usesCard, usesKeys},
	"purse debit":          {usesCard, usesKeys},
	"purse init":           {usesCard, usesKeys, usesDry},
	"purse reconcile":      {usesRing},
	"purse settle":         {usesCard, usesKeys, usesYes},
	"purse unblock":        {usesYes},
	"read":                 {usesCard, usesKeys, usesForce},
	"readers":              {usesCard},
	"readers beep":         {usesCard},
	"readers firmware":     {usesCard},
	"readers led":          {usesCard},
	"readers polling":      {usesCard},
	"record append":        {usesCard, usesKeys, usesDry},
	"record read":          {usesCard, usesKeys, usesForce},
	"record update":        {usesCard, usesKeys, usesDry},
	"report":               {usesCard, usesKeys, usesForce},
	"restore":              {usesCard, usesKeys, usesYes, usesForce, usesDry},
	"rotate":               {usesCard, usesRing, usesYes},
	"sdm off":              {usesCard, usesKeys, usesYes, usesDry},
	"sdm provision":        {usesCard, usesKeys, usesDry},
	"sdm show":             {usesCard, usesKeys},
	"selftest":             {usesCard, usesKeys},
	"trace convert":        {usesSecrets, usesForce},
	"trace show":           {usesSecrets},
	"shell":                {usesCard, usesKeys, usesYes, usesForce, usesDry},
	"uid":                  {usesCard, usesKeys},
	"value credit":         {usesCard, usesKeys, usesDry},
	"value debit":          {usesCard, usesKeys, usesDry},
	"value get":            {usesCard, usesKeys},
	"value limited-credit": {usesCard, usesKeys, usesDry},
	"watch":                {usesCard},
	"web":                  {usesCard, usesKeys},
	"wipe":                 {usesCard, usesKeys, usesYes, usesDry},
	"write":                {usesCard, usesKeys, usesForce, usesDry},
}

// has reports whether the flags of a use act on a verb.
func has(cmd *cobra.Command, u use) bool {
	list := verbUses[verbOf(cmd)]
	if cmd.GroupID == shellGroup {
		list = []use{usesCard}
	}
	switch u {
	case usesTrace:
		return slices.Contains(list, usesTrace) || slices.Contains(list, usesCard)
	case usesRing:
		return slices.Contains(list, usesRing) || slices.Contains(list, usesKeys)
	case usesFleet:
		return slices.Contains(list, usesFleet) || slices.Contains(list, usesCard)
	case usesSecrets:
		return slices.Contains(list, usesSecrets) || has(cmd, usesTrace)
	}
	return slices.Contains(list, u)
}

// verbOf is a verb as verbUses names it.
func verbOf(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

// lasting are the verbs that go on until they are ended, whose notes have times.
var lasting = []string{"agent", "demo", "drain", "each", "fleet watch", "issue", "phone offer", "rotate", "sim serve", "watch", "web"}

// idle are flags that do not act on a verb although their group does.
var idle = map[string][]string{"agent": {"wait", "timeout", "uid"}, "doctor": {"wait", "timeout", "uid", "trace", "trace-keys"}, "each": {"wait"}, "issue": {"wait"}, "offer": {"wait", "timeout", "uid"}, "rotate": {"wait"}, "watch": {"wait", "timeout"}, "web": {"wait", "timeout", "uid", "plain", "weakest", "force"}}

// also are global flags that act on a verb although their group does not.
var also = map[string][]string{"fleet cards": {"uid"}, "fleet keys change": {"uid"}, "fleet ledger": {"uid"}, "fleet order": {"uid", "wait"}}

// acts reports whether a global flag acts on a verb.
func acts(cmd *cobra.Command, flag string) bool {
	if slices.Contains(idle[cmd.Name()], flag) {
		return false
	}
	if slices.Contains(also[verbOf(cmd)], flag) {
		return true
	}
	u, grouped := flagUses[flag]
	return !grouped || has(cmd, u) || u == usesForce && has(cmd, usesKeys)
}

// misplaced is the error of a global flag that was given to a verb on which it
// does not act.
func misplaced(cmd *cobra.Command) error {
	for _, flag := range slices.Sorted(maps.Keys(flagUses)) {
		f := cmd.Root().PersistentFlags().Lookup(flag)
		if f == nil || !f.Changed || acts(cmd, flag) {
			continue
		}
		why := map[use]string{
			usesCard: "it needs no card", usesTrace: "it talks to no card", usesSecrets: "it records nothing", usesKeys: "it opens no session", usesRing: "it takes no keys from it", usesYes: "it asks nothing",
			usesFleet: "it needs no fleet", usesForce: "it refuses nothing that is risky", usesDry: "it changes nothing",
		}[flagUses[flag]]
		switch {
		case (flagUses[flag] == usesKeys || flagUses[flag] == usesRing) && !has(cmd, usesCard):
			why = "it needs no card"
		case slices.Contains(idle[cmd.Name()], flag) && !slices.Contains(lasting, verbOf(cmd)):
			why = "it ends within 10 seconds, whatever is there"
		case slices.Contains(idle[cmd.Name()], flag):
			why = "it goes on until Ctrl-C"
		}
		return &usageError{cmd, fmt.Errorf("--%s does not go with %s: %s", flag, cmd.CommandPath(), why)}
	}
	return nil
}

// globalFlags adds the global flags to the root.
func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	a.reader = envOr("DESFIRE_READER", "pcsc")
	f.VarP(readerFlag{&a.reader, &a.readers}, "reader", "r", "`PLACE` where cards are presented: pcsc[:PART], pn532[:DEVICE], tcp:HOST:PORT, nats:[AGENT[/READER]], phone:[NAME], sim: or sim:FILE")
	f.StringVar(&a.fleetPath, "fleet", envOr("DESFIRE_FLEET", ""), "fleet `FILE`, with which this program is let into a fleet of readers")
	f.StringVar(&a.uid, "uid", "", "the card with this UID, `HEX` or the beginning of it, and no other")
	f.DurationVar(&a.wait, "wait", 10*time.Second, "how long to wait for a card; 0 waits for ever")
	f.DurationVar(&a.timeout, "timeout", 0, "end the verb that long after the card was found; 0 never")
	f.StringVar(&a.traceTo, "trace", "", "show the traffic with the card on stderr, or record it into `FILE`.json")
	f.Lookup("trace").NoOptDefVal = "-"
	f.BoolVar(&a.traceKeys, "trace-keys", false, "keep what carries keys in a trace: with the key before, it tells the new one")

	f.StringVar(&a.keysFile, "keys", envOr("DESFIRE_KEYS", ""), "keyring `FILE`, from which the key with the right is taken; nats: for keys in the centre of a fleet")
	f.StringVar(&a.identity, "identity", envOr("DESFIRE_IDENTITY", ""), "`FILE` of age identities that open what is encrypted in the keyring, or such a file wrapped by Vault or OpenBao")
	f.StringVar(&a.keySpec, "key", "", "one `KEY` instead, [N=]SPEC: @FILE or env:NAME, or TYPE:HEX for all to see; N is its number on the card")
	f.Uint8Var(&a.keyNo, "auth", 0, "`NUMBER` of that key on the card")
	f.BoolVar(&a.plain, "plain", false, "with a keyring, go on without a session where the card lets everybody")
	f.StringVar(&a.weakestName, "weakest", "d40", "weakest `METHOD` of authentication to accept: "+strings.Join(weakestNames(), ", "))

	f.BoolVarP(&a.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&a.force, "force", false, "do what was refused because it is risky")
	f.BoolVarP(&a.dryRun, "dry-run", "n", false, "say what would be done, and change nothing")
	f.BoolVar(&a.json, "json", false, "print JSON on stdout, one object a line")
	f.BoolVar(&a.noInput, "no-input", false, "never ask: what would need an answer is an error")
	f.BoolVarP(&a.verbose, "verbose", "v", false, "say more on stderr")
	_ = root.MarkPersistentFlagFilename("fleet")
	_ = root.RegisterFlagCompletionFunc("weakest", cobra.FixedCompletions(weakestNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = root.RegisterFlagCompletionFunc("reader", a.completeReader)
}
