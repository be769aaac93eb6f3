using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthMesh.Identity.Mail;
using AuthMesh.LocalMesh;
using MimeKit;

namespace AuthMesh.Tests.Mail;

/// <summary>A mail that the server took.</summary>
internal sealed record TakenMail(string From, string To, string Raw)
{
    public MimeMessage Message => MimeMessage.Load(new MemoryStream(Encoding.Latin1.GetBytes(Raw)));
}

/// <summary>An SMTP server (RFC 5321) on loopback that a test can make refuse, hang or hang up at any command.</summary>
internal sealed class SmtpServer : IAsyncDisposable
{
    /// <summary>Replies of <see cref="Answer"/> that are none.</summary>
    public const string Hang = "hang", HangUp = "hang up";

    /// <summary>The command that stands for the end of a mail's data.</summary>
    public const string EndOfData = "END OF DATA";

    public const string Username = "mesh@example.test", Password = "a mail password";

    private readonly TcpListener listener = new(Loopback.Address, 0);
    private readonly CancellationTokenSource ending = new();
    private readonly ConcurrentBag<Task> conversations = [];
    private Task? accepting;

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public MailTls Tls { get; init; } = MailTls.None;

    public X509Certificate2? Certificate { get; init; }

    /// <summary>The ways to authenticate, such as <c>PLAIN LOGIN</c>. Empty means that the server demands nothing.</summary>
    public string Mechanisms { get; init; } = "";

    /// <summary>Replaces the reply to a command; null for the usual one. The first argument is the command.</summary>
    public Func<string, string?> Answer { get; set; } = _ => null;

    public ConcurrentQueue<TakenMail> Mails { get; } = new();

    /// <summary>Every command of all conversations, marked with "tls" where it was encrypted.</summary>
    public ConcurrentQueue<string> Commands { get; } = new();

    public int Connections { get; private set; }

    public SmtpServer Start()
    {
        listener.Start();
        accepting = AcceptAsync();
        return this;
    }

    /// <summary>Ends all conversations. A second call does nothing.</summary>
    public async ValueTask DisposeAsync()
    {
        if (ending.IsCancellationRequested)
        {
            return;
        }

        await ending.CancelAsync();
        listener.Stop();
        await (accepting ?? Task.CompletedTask);
        await Task.WhenAll(conversations);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (!ending.IsCancellationRequested) // a stopped listener may not be asked again
            {
                var client = await listener.AcceptTcpClientAsync(ending.Token);
                Connections++;
                conversations.Add(ServeAsync(client));
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or SocketException or InvalidOperationException)
        {
            // The test is over.
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                Stream stream = client.GetStream();
                stream = Tls == MailTls.Implicit ? await SecureAsync(stream) : stream;
                await new Conversation(this, stream).RunAsync(ending.Token);
            }
            // The client went, the test is over, or the client refused the certificate.
            catch (Exception exception) when (exception is IOException or OperationCanceledException
                or System.Security.Authentication.AuthenticationException)
            {
            }
        }
    }

    private async Task<Stream> SecureAsync(Stream stream)
    {
        var tls = new SslStream(stream);
        await tls.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = Certificate }, ending.Token);
        return tls;
    }

    private sealed class Conversation(SmtpServer server, Stream stream)
    {
        private string from = "", to = "";
        private bool isAuthenticated;

        public async Task RunAsync(CancellationToken cancellationToken)
        {
            await ReplyAsync("CONNECT", "220 test", cancellationToken);
            while (await ReadLineAsync(cancellationToken) is { } line)
            {
                server.Commands.Enqueue(stream is SslStream ? "tls " + line : line);
                var verb = line.Split(' ')[0].ToUpperInvariant();
                if (verb == "STARTTLS" && server.Tls == MailTls.StartTls)
                {
                    await ReplyAsync(line, "220 go ahead", cancellationToken);
                    stream = await server.SecureAsync(stream);
                }
                else if (verb == "AUTH")
                {
                    await AuthenticateAsync(line, cancellationToken);
                }
                else if (verb == "DATA")
                {
                    await TakeAsync(cancellationToken);
                }
                else
                {
                    await ReplyAsync(line, Usual(verb, line), cancellationToken);
                }

                if (verb == "QUIT")
                {
                    return;
                }
            }
        }

        private string Usual(string verb, string line)
        {
            switch (verb)
            {
                case "EHLO":
                    var tls = server.Tls == MailTls.StartTls && stream is not SslStream ? "250-STARTTLS\r\n" : "";
                    return $"250-test\r\n{tls}{(server.Mechanisms.Length > 0 ? $"250-AUTH {server.Mechanisms}\r\n" : "")}250 HELP";
                case "MAIL":
                    from = line;
                    return server.Mechanisms.Length > 0 && !isAuthenticated ? "530 authenticate first" : "250 ok";
                case "RCPT":
                    to = line[(line.IndexOf('<', StringComparison.Ordinal) + 1)..line.LastIndexOf('>')];
                    return "250 ok";
                case "QUIT":
                    return "221 bye";
                default:
                    return verb is "RSET" or "NOOP" ? "250 ok" : "502 unknown";
            }
        }

        private async Task AuthenticateAsync(string line, CancellationToken cancellationToken)
        {
            var parts = line.Split(' ');
            string given;
            if (parts[1] == "PLAIN")
            {
                given = Decode(parts is [_, _, var initial] ? initial : await AskAsync(""))[1..].Replace('\0', ':');
            }
            else
            {
                var user = parts is [_, _, var initial] ? initial : await AskAsync("Username:");
                given = Decode(user) + ":" + Decode(await AskAsync("Password:"));
            }

            isAuthenticated = given == $"{Username}:{Password}";
            await ReplyAsync(line, isAuthenticated ? "235 welcome" : "535 wrong", cancellationToken);

            async Task<string> AskAsync(string question)
            {
                await WriteAsync("334 " + Convert.ToBase64String(Encoding.ASCII.GetBytes(question)), cancellationToken);
                return (await ReadLineAsync(cancellationToken))!;
            }

            static string Decode(string text) => Encoding.UTF8.GetString(Convert.FromBase64String(text));
        }

        private async Task TakeAsync(CancellationToken cancellationToken)
        {
            if (!await ReplyAsync("DATA", "354 go ahead", cancellationToken))
            {
                return;
            }

            var raw = new StringBuilder();
            while (await ReadLineAsync(cancellationToken) is { } line && line != ".")
            {
                raw.Append(line.StartsWith('.') ? line[1..] : line).Append("\r\n");
            }

            await ReplyAsync(
                EndOfData, "250 taken", cancellationToken, () => server.Mails.Enqueue(new TakenMail(from, to, raw.ToString())));
        }

        /// <returns>Whether the usual reply was given.</returns>
        private async Task<bool> ReplyAsync(string command, string usual, CancellationToken cancellationToken, Action? beforeUsual = null)
        {
            switch (server.Answer(command))
            {
                case Hang:
                    await Task.Delay(Timeout.Infinite, cancellationToken);
                    return false;
                case HangUp:
                    throw new IOException("The test hangs up.");
                case { } own:
                    await WriteAsync(own, cancellationToken);
                    return false;
                default:
                    beforeUsual?.Invoke();
                    await WriteAsync(usual, cancellationToken);
                    return true;
            }
        }

        private async Task WriteAsync(string line, CancellationToken cancellationToken) =>
            await stream.WriteAsync(Encoding.Latin1.GetBytes(line + "\r\n"), cancellationToken);

        // Byte by byte: a reader with a buffer would swallow the start of the TLS handshake.
        private async Task<string?> ReadLineAsync(CancellationToken cancellationToken)
        {
            var line = new StringBuilder();
            var one = new byte[1];
            while (await stream.ReadAsync(one, cancellationToken) > 0)
            {
                if (one[0] == '\n')
                {
                    return line.ToString().TrimEnd('\r');
                }

                line.Append((char)one[0]);
            }

            return null;
        }
    }
}
