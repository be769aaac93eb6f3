using System.Text.RegularExpressions;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Accounts;

/// <param name="Language">Such as <c>en</c>; null for the one that the browser asks for.</param>
public sealed record ChooseLanguageRequest(string? Language = null);

/// <summary>Chooses the language of the caller's pages and mails.</summary>
internal sealed partial class ChooseLanguage(IdentityDb db)
{
    private const string Choose =
        $"""
        {Caller.With}
        UPDATE users SET language = @language FROM caller WHERE users.id = caller.id
        """;

    public static void Map(IEndpointRouteBuilder group) => group.MapPatch(
        "", (ChooseLanguageRequest request, HttpContext context, ChooseLanguage chooseLanguage, CancellationToken cancellationToken) =>
            chooseLanguage.RunAsync(request, context, cancellationToken));

    public async Task<Results<Ok<MessageResponse>, Failure>> RunAsync(
        ChooseLanguageRequest request, HttpContext context, CancellationToken cancellationToken)
    {
        if (request.Language is { } language && !Code().IsMatch(language))
        {
            return CommonFailures.InvalidRequest(
                new Dictionary<string, string[]> { ["language"] = ["must be two or three letters, such as en, or left out"] });
        }

        var changed = await db.Database.ExecuteSqlRawAsync(
            Choose,
            [
                .. Caller.Of(context.User).Parameters,
                new NpgsqlParameter("language", NpgsqlDbType.Text) { Value = (object?)request.Language ?? DBNull.Value },
            ],
            cancellationToken);
        return changed == 0 ? CommonFailures.InvalidToken() : TypedResults.Ok(new MessageResponse("success", "Language chosen"));
    }

    [GeneratedRegex(@"^[a-z]{2,3}\z")]
    private static partial Regex Code();
}
