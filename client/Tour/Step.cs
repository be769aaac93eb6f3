using System.Text.Json;
using AuthMesh.Client.Accounts;
using AuthMesh.Client.Server;

namespace AuthMesh.Client.Tour;

internal sealed record Step(string Title, StepRequest Request, Expectation Expected);

/// <summary>Whose token goes along, as the walk has collected it.</summary>
internal sealed record Bearer(string Username, bool IsForged = false);

internal sealed record StepRequest(string Method, string Path, Credentials? Credentials = null, Bearer? Bearer = null)
{
    public override string ToString()
    {
        if (Credentials is not null)
        {
            return $$"""{{Method}} {{Path}} {"username":"{{Credentials.Username}}","password":"..."}""";
        }

        return Bearer is null
            ? $"{Method} {Path}"
            : $"{Method} {Path} with {(Bearer.IsForged ? "a forged copy of " : "")}{Bearer.Username}'s token";
    }
}

internal sealed record Expectation(int Status, string Message, string? Code = null, string? Role = null)
{
    public bool IsMetBy(Answer answer) =>
        answer.Status == Status
        && answer.Fields.Status == (Code is null ? "success" : "error")
        && answer.Fields.Code == Code
        && answer.Fields.Message == Message
        && (Role is null || Role == RoleIn(answer));

    public override string ToString() =>
        $"{Status} {Message}{(Code is null ? "" : $" ({Code})")}{(Role is null ? "" : $" (role {Role})")}";

    public static string? RoleIn(Answer answer) =>
        answer.Body is { } body && body.TryGetProperty("role", out var role) && role.ValueKind == JsonValueKind.String
            ? role.GetString()
            : null;
}

/// <summary>What came of a step. Without an answer the message says why there is none.</summary>
internal sealed record StepResult(Step Step, int? HttpStatus, string Message, string? Code, string? Role, bool IsAsExpected);
