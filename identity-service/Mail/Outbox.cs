using System.Text;
using System.Text.Json;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Mail;

/// <summary>Puts mails into the outbox, within the caller's transaction if there is one. Without mail, nothing is stored.</summary>
internal sealed class Outbox(IdentityDb db, IOptions<MailOptions> options, Signal<SendMails> signal) : IDisposable
{
    /// <summary>A reset is worth sending for as long as its link would be good.</summary>
    public static readonly TimeSpan ResetLifetime = TimeSpan.FromMinutes(30);

    /// <summary>Any other mail is worth sending for a day.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    private const string Columns = "id, kind, user_id, address, language, data, created_at, due_at, expires_at, attempts";

    private const string Notify =
        $"""
        INSERT INTO mails ({Columns})
        SELECT gen_random_uuid(), @kind, u.id, u.email, COALESCE(u.language, 'en'), @data, now(), now(), now() + @lifetime, 0
        FROM users u WHERE u.id = @user AND u.email IS NOT NULL AND u.disabled_at IS NULL
        """;

    private const string Add =
        $"""
        INSERT INTO mails ({Columns})
        VALUES (gen_random_uuid(), @kind, @user, @address, @language, @data, now(), now(), now() + @lifetime, 0)
        """;

    private bool hasAdded;

    /// <summary>Tells the owner of an account what happened to it, at its proved address. Without one, nothing is sent.</summary>
    /// <param name="userId">The account.</param>
    /// <param name="kind">What happened.</param>
    /// <param name="data">Values for the template, see <see cref="MailData.NamesOf"/>. No secrets.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public Task NotifyAsync(Guid userId, MailKind kind, IReadOnlyDictionary<string, string> data, CancellationToken cancellationToken) =>
        ExecuteAsync(Notify, userId, kind, data, Lifetime, cancellationToken);

    /// <summary>Mails to an address that need not be the account's proved one.</summary>
    /// <param name="userId">The account. If it is deleted, its mails are, too.</param>
    /// <param name="kind">The mail.</param>
    /// <param name="address">The recipient.</param>
    /// <param name="language">The language of the text, such as <c>en</c>. English, if no template has it.</param>
    /// <param name="data">Values for the template, see <see cref="MailData.NamesOf"/>. No secrets.</param>
    /// <param name="lifetime">When the mail is given up: <see cref="ResetLifetime"/> or <see cref="Lifetime"/>.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public Task AddAsync(
        Guid userId, MailKind kind, string address, string language, IReadOnlyDictionary<string, string> data, TimeSpan lifetime,
        CancellationToken cancellationToken) =>
        ExecuteAsync(Add, userId, kind, data, lifetime, cancellationToken, new("address", address), new("language", language));

    /// <summary>
    /// Wakes the worker. The scope ends after the transaction, so the worker finds the mail committed. Other replicas find it when they
    /// poll.
    /// </summary>
    public void Dispose()
    {
        if (hasAdded)
        {
            signal.Wake();
        }
    }

    private async Task ExecuteAsync(
        string sql, Guid userId, MailKind kind, IReadOnlyDictionary<string, string> data, TimeSpan lifetime,
        CancellationToken cancellationToken, params NpgsqlParameter[] more)
    {
        if (!data.Keys.Order(StringComparer.Ordinal).SequenceEqual(MailData.NamesOf(kind)))
        {
            throw new ArgumentException($"{kind} needs exactly: {string.Join(", ", MailData.NamesOf(kind))}.", nameof(data));
        }

        if (!options.Value.IsConfigured)
        {
            return;
        }

        await db.Database.ExecuteSqlRawAsync(
            sql,
            [
                new NpgsqlParameter("kind", kind.ToString()), new NpgsqlParameter("user", userId),
                new NpgsqlParameter("data", NpgsqlDbType.Jsonb) { Value = Json(data) }, new NpgsqlParameter("lifetime", lifetime), .. more,
            ],
            cancellationToken);
        hasAdded = true;
    }

    private static string Json(IReadOnlyDictionary<string, string> data)
    {
        using var stream = new MemoryStream();
        using (var writer = new Utf8JsonWriter(stream))
        {
            writer.WriteStartObject();
            foreach (var (name, value) in data)
            {
                writer.WriteString(name, value);
            }

            writer.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }
}
