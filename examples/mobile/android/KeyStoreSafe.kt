package org.example.desfire

import java.security.KeyStore
import javax.crypto.Cipher
import javax.crypto.SecretKey
import javax.crypto.spec.IvParameterSpec
import mobile.KeySafe

/**
 * An AES key that stays in Android's KeyStore. It has to have been imported there with PURPOSE_ENCRYPT and PURPOSE_DECRYPT,
 * BLOCK_MODE_CBC, ENCRYPTION_PADDING_NONE and setRandomizedEncryptionRequired(false), since the card says which IV it is.
 */
class KeyStoreSafe(private val alias: String) : KeySafe {
    override fun encryptCBC(iv: ByteArray, message: ByteArray): ByteArray = cipher(Cipher.ENCRYPT_MODE, iv, message)

    override fun decryptCBC(iv: ByteArray, message: ByteArray): ByteArray = cipher(Cipher.DECRYPT_MODE, iv, message)

    private fun cipher(mode: Int, iv: ByteArray, message: ByteArray): ByteArray {
        val store = KeyStore.getInstance("AndroidKeyStore")
        store.load(null)
        val cipher = Cipher.getInstance("AES/CBC/NoPadding")
        cipher.init(mode, store.getKey(alias, null) as SecretKey, IvParameterSpec(iv))
        return cipher.doFinal(message)
    }
}
