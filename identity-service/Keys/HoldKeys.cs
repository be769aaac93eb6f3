using System.Text.Json.Serialization;
using AuthMesh.Errors;
using AuthMesh.Identity.Platform.Database;
using AuthMesh.Requests;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;

namespace AuthMesh.Identity.Keys;

public sealed record HoldKeysRequest(string? Name = null, [property: JsonPropertyName("key_ids")] IReadOnlyList<string>? KeyIds = null);

/// <param name="Status">"success".</param>
/// <param name="Message">For people.</param>
/// <param name="Missing">Keys of the ring that the verifier does not hold yet; it fetches them and reports again.</param>
/// <param name="Gone">Keys that the verifier holds but the ring does not, or no longer.</param>
public sealed record HoldKeysResponse(string Status, string Message, IReadOnlyList<string> Missing, IReadOnlyList<string> Gone);

/// <summary>Records which signing keys a verifier holds.</summary>
internal static class HoldKeys
{
    private const int MaximumKeys = 1000;

    // 64 KiB: 1000 key ids of 43 characters, with room to spare.
    public static void Map(IEndpointRouteBuilder group) =>
        group.MapPut("/verifiers/{instance}", HandleAsync).WithMetadata(new RequestSizeLimitAttribute(64 * 1024));

    private static async Task<Results<Ok<HoldKeysResponse>, Failure>> HandleAsync(
        string instance, HoldKeysRequest request, IdentityDb db, KeyRing ring, VerifierRegister verifiers,
        CancellationToken cancellationToken)
    {
        if (!Verifier.IsName(request.Name))
        {
            return Verifier.InvalidName;
        }

        if (!RequestText.TryReadId(instance, out var id))
        {
            return Verifier.InvalidInstance;
        }

        if (request.KeyIds is not { Count: <= MaximumKeys } held)
        {
            return CommonFailures.InvalidRequest(
                new Dictionary<string, string[]> { ["key_ids"] = [$"must be a list of at most {MaximumKeys} key ids"] });
        }

        await verifiers.RecordAsync(id, request.Name!, held, cancellationToken);
        var stored = await db.RingKeys.Where(key => key.Purpose == RingKeyPurpose.Signing).Select(key => key.Id)
            .ToListAsync(cancellationToken);
        if (stored.Except(ring.KeyIds).Any())
        {
            // The verifier heard of another replica's change before this replica did, and it asks this replica for the key next.
            await ring.ReloadAsync(db, cancellationToken);
        }

        return TypedResults.Ok(new HoldKeysResponse("success", "Recorded", [.. stored.Except(held)], [.. held.Except(stored)]));
    }
}
