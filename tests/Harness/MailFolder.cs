using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using MimeKit;

namespace AuthMesh.Tests.Harness;

/// <summary>The mails of a mesh that writes them into files, see <see cref="AuthMesh.LocalMesh.MeshOptions.WritesMails"/>.</summary>
public sealed class MailFolder(string folder)
{
    private readonly ConcurrentDictionary<string, ReceivedMail> read = new();
    private readonly ConcurrentDictionary<string, bool> returned = new();

    /// <summary>
    /// Waits for a mail to this address. Each call returns another mail, in the order in which they were sent. Tests share the folder, so
    /// each uses addresses of its own.
    /// </summary>
    public Task<ReceivedMail> NextAsync(string address) => NextAsync(address, mail => true);

    /// <summary>Waits for a mail to this address with a subject that contains these words.</summary>
    public Task<ReceivedMail> NextAsync(string address, string subject) =>
        NextAsync(address, mail => mail.Subject.Contains(subject, StringComparison.Ordinal));

    /// <summary>The mails to this address so far.</summary>
    public IReadOnlyList<ReceivedMail> To(string address) => Directory.Exists(folder)
        ? [.. Directory.GetFiles(folder, "*.eml").Order(StringComparer.Ordinal).Select(Read).Where(mail => mail.To == address)]
        : [];

    private async Task<ReceivedMail> NextAsync(string address, Func<ReceivedMail, bool> isWanted)
    {
        var mail = await Patience.UntilAsync(
            () => Task.FromResult(To(address).FirstOrDefault(mail => isWanted(mail) && !returned.ContainsKey(mail.File))),
            mail => mail is not null);
        returned[mail!.File] = true;
        return mail;
    }

    private ReceivedMail Read(string file) => read.GetOrAdd(file, name => new ReceivedMail(name, MimeMessage.Load(name)));
}

/// <summary>A mail as its receiver sees it.</summary>
/// <param name="File">Its file.</param>
/// <param name="Message">All of it.</param>
public sealed partial record ReceivedMail(string File, MimeMessage Message)
{
    /// <summary>The recipient's address.</summary>
    public string To => Message.To.Mailboxes.Single().Address;

    public string Subject => Message.Subject!;

    public string Text => Message.TextBody!.ReplaceLineEndings("\n");

    public string Html => Message.HtmlBody!.ReplaceLineEndings("\n");

    /// <summary>The link that the mail is about: the address with a query.</summary>
    public Uri Link => new(LinkWithToken().Match(Text) is { Success: true } link
        ? link.Value : throw new InvalidOperationException($"The mail holds no link:\n{Text}"));

    /// <summary>The value of <c>token</c> in the link.</summary>
    public string Token => System.Web.HttpUtility.ParseQueryString(Link.Query)["token"]!;

    public string? Header(string name) => Message.Headers[name];

    [GeneratedRegex(@"https?://\S+\?\S+")]
    private static partial Regex LinkWithToken();
}
