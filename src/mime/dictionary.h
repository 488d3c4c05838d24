/* SPDX-License-Identifier: ISC */
/*
 * Words that stand in nearly every message: names of fields as they are
 * usually spelled, types, charsets, parameters. The packed summary holds a
 * number in place of such a word, one byte for the first 64 rows.
 *
 * The numbers are on disk: rows are added at the end and never moved.
 */
#ifndef MIME_DICTIONARY_H
#define MIME_DICTIONARY_H

#include "base/text.h"

#define DICTIONARY_TABLE(X)              \
	X("Received")                    \
	X("From")                        \
	X("To")                          \
	X("Subject")                     \
	X("Date")                        \
	X("Message-ID")                  \
	X("Message-Id")                  \
	X("MIME-Version")                \
	X("Mime-Version")                \
	X("Content-Type")                \
	X("Content-Transfer-Encoding")   \
	X("Content-Disposition")         \
	X("Return-Path")                 \
	X("Delivered-To")                \
	X("DKIM-Signature")              \
	X("Authentication-Results")      \
	X("References")                  \
	X("In-Reply-To")                 \
	X("Reply-To")                    \
	X("Sender")                      \
	X("Cc")                          \
	X("CC")                          \
	X("Bcc")                         \
	X("User-Agent")                  \
	X("X-Mailer")                    \
	X("List-Id")                     \
	X("List-ID")                     \
	X("List-Unsubscribe")            \
	X("List-Unsubscribe-Post")       \
	X("List-Post")                   \
	X("List-Help")                   \
	X("List-Subscribe")              \
	X("List-Archive")                \
	X("Precedence")                  \
	X("Received-SPF")                \
	X("Content-Language")            \
	X("ARC-Seal")                    \
	X("ARC-Message-Signature")       \
	X("ARC-Authentication-Results")  \
	X("Auto-Submitted")              \
	X("text")                        \
	X("plain")                       \
	X("html")                        \
	X("multipart")                   \
	X("alternative")                 \
	X("mixed")                       \
	X("related")                     \
	X("application")                 \
	X("octet-stream")                \
	X("pdf")                         \
	X("image")                       \
	X("png")                         \
	X("jpeg")                        \
	X("charset")                     \
	X("utf-8")                       \
	X("UTF-8")                       \
	X("us-ascii")                    \
	X("iso-8859-1")                  \
	X("boundary")                    \
	X("format")                      \
	X("flowed")                      \
	X("name")                        \
	X("filename")                    \
	X("attachment")                  \
	/* From here on two bytes. */    \
	X("inline")                      \
	X("gif")                         \
	X("message")                     \
	X("rfc822")                      \
	X("signed")                      \
	X("report")                      \
	X("delivery-status")             \
	X("calendar")                    \
	X("pgp-signature")               \
	X("pkcs7-signature")             \
	X("encrypted")                   \
	X("digest")                      \
	X("zip")                         \
	X("msword")                      \
	X("delsp")                       \
	X("yes")                         \
	X("no")                          \
	X("micalg")                      \
	X("protocol")                    \
	X("type")                        \
	X("size")                        \
	X("method")                      \
	X("US-ASCII")                    \
	X("ISO-8859-1")                  \
	X("iso-8859-15")                 \
	X("windows-1252")                \
	X("Windows-1252")                \
	X("7bit")                        \
	X("8bit")                        \
	X("BASE64")                      \
	X("Base64")                      \
	X("Quoted-Printable")            \
	X("QUOTED-PRINTABLE")            \
	X("7BIT")                        \
	X("8BIT")                        \
	X("7Bit")                        \
	X("8Bit")                        \
	X("Content-ID")                  \
	X("Content-Id")                  \
	X("Content-Description")         \
	X("Thread-Topic")                \
	X("Thread-Index")                \
	X("Accept-Language")             \
	X("Importance")                  \
	X("Priority")                    \
	X("Organization")                \
	X("Errors-To")                   \
	X("Feedback-ID")                 \
	X("Resent-From")                 \
	X("Resent-To")                   \
	X("Resent-Date")                 \
	X("Resent-Message-ID")           \
	X("Disposition-Notification-To") \
	X("Return-Receipt-To")           \
	X("Autocrypt")                   \
	X("Mail-Followup-To")            \
	X("Envelope-To")                 \
	X("X-Original-To")               \
	X("X-Priority")                  \
	X("X-MSMail-Priority")           \
	X("X-MimeOLE")                   \
	X("X-Spam-Status")               \
	X("X-Spam-Level")                \
	X("X-Spam-Score")                \
	X("X-Spam-Flag")                 \
	X("X-Spam-Checker-Version")      \
	X("X-Virus-Scanned")             \
	X("X-Google-DKIM-Signature")     \
	X("X-Gm-Message-State")          \
	X("X-Google-Smtp-Source")        \
	X("X-Received")                  \
	X("X-Mailman-Version")           \
	X("X-BeenThere")                 \
	X("X-Originating-IP")            \
	X("X-MS-Has-Attach")             \
	X("X-MS-TNEF-Correlator")        \
	X("X-Auto-Response-Suppress")    \
	X("X-GitHub-Reason")             \
	X("X-GitHub-Sender")             \
	X("Archived-At")

/* The word's number, or -1. Exact spelling. */
int dictionary_find(struct text word);
/* The word of a number; false when there is none. */
bool dictionary_word(uint64_t number, struct text *out);

#endif
