package org.example.desfire

import android.app.Activity
import android.nfc.NfcAdapter
import android.nfc.Tag
import android.nfc.tech.IsoDep
import android.os.Bundle
import android.widget.TextView
import java.io.File
import java.util.UUID
import mobile.Card
import mobile.Keys
import mobile.Mobile
import mobile.Purse

/**
 * A till of one card at a time: each tap pays 5, exactly once, and shows what the card is. A card that is taken away too early is
 * held to the phone again; the same ticket is never paid twice.
 */
class MainActivity : Activity(), NfcAdapter.ReaderCallback {
    private lateinit var text: TextView
    private lateinit var keys: Keys
    private lateinit var purse: Purse
    private var ticket = UUID.randomUUID().toString()
    @Volatile private var card: Card? = null

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        text = TextView(this)
        setContentView(text)
        keys = Mobile.newKeys()
        // The purse key stays in the phone's safe; a keyring goes in by keys.addKeyring(text, passphrase).
        keys.addSafe("*/F48121/1", 1, "AndroidKeyStore", KeyStoreSafe("desfire-purse"))
        val layout = assets.open("purse.json").bufferedReader().readText()
        purse = Mobile.openPurse(File(filesDir, "purse.db").path, layout, keys)
        say("Hold a card to the phone")
    }

    override fun onResume() {
        super.onResume()
        // The callback comes on a thread of its own, on which jobs may block. Without the NDEF check no application
        // is selected before, and without the system's sounds people hear ours.
        NfcAdapter.getDefaultAdapter(this)?.enableReaderMode(
            this, this, NfcAdapter.FLAG_READER_NFC_A or NfcAdapter.FLAG_READER_SKIP_NDEF_CHECK or NfcAdapter.FLAG_READER_NO_PLATFORM_SOUNDS, null)
    }

    override fun onPause() {
        NfcAdapter.getDefaultAdapter(this)?.disableReaderMode(this)
        card?.cancel()
        super.onPause()
    }

    override fun onDestroy() {
        card?.close()
        purse.close()
        keys.close()
        super.onDestroy()
    }

    override fun onTagDiscovered(tag: Tag) {
        val isoDep = IsoDep.get(tag) ?: return say("This is no card of this kind")
        val conf = Mobile.newConfig()
        conf.folder = filesDir.path
        try {
            val opened = Mobile.openCard(IsoDepTransceiver(isoDep).open(), conf)
            card = opened
            try {
                pay(opened)
            } finally {
                card = null
                opened.close()
            }
        } catch (e: Exception) {
            explain(e)
        }
    }

    private fun pay(card: Card) {
        val receipt = purse.debit(card, 5, ticket)
        ticket = UUID.randomUUID().toString() // this one is paid
        say("Paid\n$receipt\n\n" + card.inspect(Mobile.DepthTree, keys))
    }

    private fun explain(e: Exception) {
        val f = Mobile.explain(e)
        when (f.happened) {
            Mobile.HappenedYes -> say("Paid, but: " + f.what)
            Mobile.HappenedUnknown -> say("Not known yet. Hold the SAME card to the phone again.\n" + f.what) // ticket stays
            else -> say("Not paid: " + f.what + "\n" + f.next)
        }
    }

    private fun say(words: String) = runOnUiThread { text.text = words }
}
