using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Mail;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Tokens;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace AuthMesh.Identity.ApiKeys;

public sealed record ReportKeyRequest([property: Required][property: JsonConverter(typeof(AnyTextConverter))] string? Key = null);

/// <summary>
/// Ends a leaked key, for everybody who has it: a secret scanner, or a person who found it. Its owner is told. The trigger
/// <c>session_ended</c> notifies every verifier.
/// </summary>
internal sealed class ReportKey(IdentityDb db, Primary database, Outbox outbox, SecurityEvents events)
{
    // The user comes first in the order of locks, and the mail refers to the user.
    private const string Lock =
        """
        SELECT id AS "Value" FROM users WHERE id = (SELECT user_id FROM sessions WHERE key_hash = @hash) FOR NO KEY UPDATE
        """;

    private const string End =
        $"""
        UPDATE sessions s SET ended_at = now() FROM users u WHERE s.key_hash = @hash AND {LiveSession.IsLiveKey} RETURNING s.id AS "Value"
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPost(
        "/keys/report", (ReportKeyRequest request, HttpContext context, ReportKey report, CancellationToken cancellationToken) =>
            report.RunAsync(request, context, cancellationToken)).AllowAnonymous()
        .ProducesFailure(DeleteKey.NotFound);

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(
        ReportKeyRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (request.Key is null)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["key"] = ["is required"] });
        }

        if (!KeyText.IsValid(request.Key))
        {
            return DeleteKey.NotFound;
        }

        var hash = KeyText.Hash(request.Key);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        if (await RunAsync(Lock) is not [var userId])
        {
            await transaction.DisposeAsync();
            await database.ConfirmReadsAsync(cancellationToken); // an earlier call may have deleted the account on one host only
            return DeleteKey.NotFound;
        }

        if (await RunAsync(End) is not [var keyId])
        {
            await transaction.CommitAsync(cancellationToken); // with the lock, it waits for what an earlier call ended on one host only
            return DeleteKey.NotFound;
        }

        await outbox.NotifyAsync(
            userId, MailKind.SignInMethodRemoved, new Dictionary<string, string> { ["method"] = "reported_key" }, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        events.Write(SecurityEvent.KeyReported(userId, keyId), context);
        return TypedResults.Ok(new MessageResponse("success", "The key has ended. Thank you"));

        Task<List<Guid>> RunAsync(string statement) =>
            db.Database.SqlQueryRaw<Guid>(statement, new NpgsqlParameter("hash", hash)).ToListAsync(cancellationToken);
    }
}
