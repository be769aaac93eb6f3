using System.ComponentModel.DataAnnotations;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Platform.Database;
using Microsoft.AspNetCore.Http.HttpResults;
using Npgsql;

namespace AuthMesh.Identity.Passkeys;

public sealed record RenamePasskeyRequest([property: Required] string? Name = null);

internal sealed class RenamePasskey(Primary database)
{
    private const string Rename =
        $"""
        {Caller.With},
        renamed AS (UPDATE passkeys p SET name = @name FROM caller WHERE p.id = @id AND p.user_id = caller.id RETURNING p.id)
        SELECT (SELECT count(*) FROM caller) = 1, (SELECT count(*) FROM renamed) = 1
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPatch("/{id}", HandleAsync)
        .ProducesFailure(RemovePasskey.NotFound);

    /// <param name="id">The passkey.</param>
    /// <param name="name">The new name.</param>
    /// <param name="context">The request.</param>
    /// <param name="cancellationToken">Cancels the statement.</param>
    /// <returns>The refusal, or null if the passkey has the name.</returns>
    public async Task<Failure?> RunAsync(string id, string? name, HttpContext context, CancellationToken cancellationToken)
    {
        if (name is null || PasskeyName.FindFault(name) is not null)
        {
            return CommonFailures.InvalidRequest(
                new Dictionary<string, string[]> { ["name"] = [name is null ? "is required" : PasskeyName.FindFault(name)!] });
        }

        await using var command = database.CreateCommand(Rename);
        NpgsqlParameter[] values = [new("id", RemovePasskey.ParseId(id)), new("name", PasskeyName.Read(name)!)];
        command.Parameters.AddRange(values.Concat(Caller.Of(context.User).Parameters).ToArray());
        return await command.ReadCommittedRowAsync(row => new Outcome(row.GetBoolean(0), row.GetBoolean(1)), cancellationToken) switch
        {
            { IsCallerLive: false } => CommonFailures.InvalidToken(),
            { IsRenamed: false } => RemovePasskey.NotFound,
            _ => null,
        };
    }

    private static async Task<Results<Ok<MessageResponse>, Failure>> HandleAsync(
        string id, RenamePasskeyRequest request, HttpContext context, RenamePasskey rename, CancellationToken cancellationToken) =>
        await rename.RunAsync(id, request.Name, context, cancellationToken) is { } refusal
            ? refusal : TypedResults.Ok(new MessageResponse("success", "Passkey renamed"));

    private sealed record Outcome(bool IsCallerLive, bool IsRenamed);
}
