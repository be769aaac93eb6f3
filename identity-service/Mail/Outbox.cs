using System.Text.Json;
using AuthMesh.Identity.Platform.Database;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Mail;

/// <summary>Puts mails into the outbox, within the caller's transaction if there is one.</summary>
internal sealed class Outbox(IdentityDb db)
{
    // A notice is worth sending for a day.
    private const string Notify =
        """
        INSERT INTO mails (id, kind, user_id, address, language, data, created_at, due_at, expires_at, attempts)
        SELECT gen_random_uuid(), @kind, u.id, u.email, COALESCE(u.language, 'en'), @data, now(), now(), now() + interval '24 hours', 0
        FROM users u WHERE u.id = @user AND u.email IS NOT NULL AND u.disabled_at IS NULL
        """;

    /// <summary>Tells the owner of an account what happened to it, at its proved address. Without one, nothing is sent.</summary>
    /// <param name="userId">The account.</param>
    /// <param name="kind">What happened.</param>
    /// <param name="data">Values for the template. No secrets.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    public Task NotifyAsync(Guid userId, MailKind kind, IReadOnlyDictionary<string, string> data, CancellationToken cancellationToken) =>
        db.Database.ExecuteSqlRawAsync(
            Notify,
            [
                new NpgsqlParameter("kind", kind.ToString()), new NpgsqlParameter("user", userId),
                new NpgsqlParameter("data", NpgsqlDbType.Jsonb) { Value = Json(data) },
            ],
            cancellationToken);

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

        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }
}
