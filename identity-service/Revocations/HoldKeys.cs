using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Database;
using AuthMesh.Identity.Keys;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Revocations;

public sealed record HoldKeysRequest(string? Name = null, [property: JsonPropertyName("key_ids")] IReadOnlyList<string>? KeyIds = null);

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="Missing">Keys of the ring that the verifier does not hold yet; it asks for them and reports again.</param>
public sealed record HoldKeysResponse(string Status, string Message, IReadOnlyList<string> Missing);

/// <summary>A verifier says which signing keys it holds.</summary>
internal static class HoldKeys
{
    private const int MaximumKeys = 1000;

    public static void Map(IEndpointRouteBuilder group) => group.MapPut("/verifiers/{instance:guid}", HandleAsync);

    private static async Task<Results<Ok<HoldKeysResponse>, Failure>> HandleAsync(
        Guid instance, HoldKeysRequest request, IdentityDb db, VerifierRegister verifiers, CancellationToken cancellationToken)
    {
        if (!Verifier.IsName(request.Name))
        {
            return Verifier.InvalidName;
        }

        if (request.KeyIds is not { Count: <= MaximumKeys } held)
        {
            return CommonFailures.InvalidRequest(new Dictionary<string, string[]> { ["key_ids"] = [$"must be a list of at most {MaximumKeys} key ids"] });
        }

        await verifiers.RecordAsync(instance, request.Name!, held, cancellationToken);
        var ring = await db.RingKeys.Where(key => key.Purpose == RingKeyPurpose.Signing).Select(key => key.Id).ToListAsync(cancellationToken);
        return TypedResults.Ok(new HoldKeysResponse("success", "Recorded", [.. ring.Except(held)]));
    }
}
