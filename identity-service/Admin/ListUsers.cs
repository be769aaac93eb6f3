using System.Security.Claims;
using AuthMesh.Errors;
using AuthMesh.Identity.Keys;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Identity.Sessions;
using AuthMesh.Identity.Users;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using NpgsqlTypes;

namespace AuthMesh.Identity.Admin;

public sealed record UsersResponse(string Status, string Message, IReadOnlyList<UserResponse> Users, string? Next);

/// <summary>
/// Lists the users whose names start with the search text, or all users, ordered by name. Each page continues after the last name of the
/// previous one, so concurrent registrations and deletions make no other user appear twice or go missing. Only a name that another account
/// proves to be its address ever changes.
/// </summary>
internal static class ListUsers
{
    private const int DefaultLimit = 50;
    private const int LargestLimit = 200;

    // One row more than the page shows whether another page follows. Names compare byte by byte (see the mapping), so one index serves
    // the order, the cursor and the prefix search.
    private const string Page =
        $"""
        {AdminCaller.With}
        SELECT {UserRow.Columns} FROM admin, users u {UserRow.Live}
        WHERE u.normalized_username > @after AND u.normalized_username ^@ @search
        ORDER BY u.normalized_username LIMIT @limit + 1
        """;

    public static void Map(IEndpointRouteBuilder users) => users.MapGet("", HandleAsync);

    private static async Task<Results<Ok<UsersResponse>, Failure>> HandleAsync(
        HttpRequest request, ClaimsPrincipal user, IdentityDb db, KeyRing ring, CancellationToken cancellationToken)
    {
        if (Read(request.Query, ring, out var after, out var search, out var limit) is { Count: > 0 } errors)
        {
            return CommonFailures.InvalidRequest(errors);
        }

        NpgsqlParameter[] parameters =
            [.. Caller.Of(user).Parameters, Text("after", after), Text("search", search), new("limit", limit)];
        var found = await db.Database.SqlQueryRaw<UserResponse>(Page, [.. parameters]).ToListAsync(cancellationToken);
        if (found.Count == 0 && await AdminCaller.FindFaultAsync(db, user, isChange: false, cancellationToken) is { } fault)
        {
            return fault;
        }

        var next = found.Count > limit ? new UserCursor(found[limit - 1].Username.ToLowerInvariant(), search).ToText(ring) : null;
        var page = found[..Math.Min(found.Count, limit)];
        return TypedResults.Ok(new UsersResponse("success", page.Count == 1 ? "1 user" : $"{page.Count} users", page, next));
    }

    // An empty parameter counts as absent, because a form sends it so.
    private static Dictionary<string,
        string[]> Read(IQueryCollection query, KeyRing ring, out string after, out string search, out int limit)
    {
        var errors = new Dictionary<string, string[]>();
        foreach (var (name, values) in query)
        {
            if (name is not ("after" or "search" or "limit"))
            {
                errors[name] = ["is not a known parameter"];
            }
            else if (values.Count > 1)
            {
                errors[name] = ["must not be given twice"];
            }
        }

        (after, limit) = ("", DefaultLimit);
        search = query["search"].ToString().ToLowerInvariant();
        if (!Username.CanBegin(query["search"].ToString()))
        {
            errors.TryAdd("search", [$"must be the beginning of a name, which {Username.Rule}"]);
        }

        if (query["limit"].ToString() is { Length: > 0 } limitText)
        {
            if (RequestText.TryReadNumber(limitText, out var number) && number is >= 1 and <= LargestLimit)
            {
                limit = (int)number;
            }
            else
            {
                errors.TryAdd("limit", [$"must be 1 to {LargestLimit}"]);
            }
        }

        if (query["after"].ToString() is { Length: > 0 } afterText && errors.Count == 0)
        {
            if (UserCursor.TryParse(afterText, search, ring) is { } cursor)
            {
                after = cursor.After;
            }
            else
            {
                errors["after"] = ["must be the next of the page before, with the same search"];
            }
        }

        return errors;
    }

    private static NpgsqlParameter Text(string name, string value) => new(name, NpgsqlDbType.Text) { Value = value };
}
